#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailbox/uid_set.h"

static struct slice written(const struct uid_set *set, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(uid_set_write(set, out), 0);
	return buf_slice(out);
}

static void assert_written(const struct uid_set *set, const char *text)
{
	struct buf out = buf_make(1000);
	assert_true(slice_equal(written(set, &out), slice_from_str(text)));
	buf_free(&out);
}

static void test_ascending_ranges_merge_as_they_come(void **state)
{
	struct arena *arena = arena_new();
	struct uid_set set = { 0 };
	(void)state;
	uid_set_add(arena, &set, 1, 1);
	uid_set_add(arena, &set, 2, 2);
	uid_set_add(arena, &set, 9, 5);
	uid_set_add(arena, &set, 7, 12);
	uid_set_add(arena, &set, 20, UINT32_MAX);
	uid_set_add(arena, &set, UINT32_MAX, UINT32_MAX);
	assert_written(&set, "1:2,5:12,20:4294967295");
	assert_int_equal(uid_set_size(&set), 2 + 8 + (uint64_t)UINT32_MAX - 19);
	arena_free(arena);
}

static void test_sort_merges_what_came_in_disorder(void **state)
{
	struct arena *arena = arena_new();
	struct uid_set set = { 0 };
	(void)state;
	for (uint32_t i = 20; i > 0; i -= 2)
		uid_set_add(arena, &set, i, i);
	uid_set_add(arena, &set, 3, 3);
	uid_set_add(arena, &set, 13, 17);
	uid_set_sort(&set);
	assert_written(&set, "2:4,6,8,10,12:18,20");
	arena_free(arena);
}

static void test_has_and_find(void **state)
{
	struct arena *arena = arena_new();
	struct uid_set set = { 0 };
	(void)state;
	assert_false(uid_set_has(&set, 1));
	uid_set_add(arena, &set, 3, 5);
	uid_set_add(arena, &set, 8, 8);
	for (uint32_t uid = 1; uid < 12; uid++)
		assert_int_equal(uid_set_has(&set, uid), (uid >= 3 && uid <= 5) || uid == 8);
	assert_int_equal(uid_set_find(&set, 6), 1);
	assert_int_equal(uid_set_find(&set, 9), 2);
	assert_true(uid_set_has(&UID_SET_ALL, UINT32_MAX));
	arena_free(arena);
}

static void test_read_and_combine(void **state)
{
	struct arena *arena = arena_new();
	struct uid_set a = { 0 }, b = { 0 }, out;
	(void)state;
	assert_int_equal(uid_set_read(arena, &a, SLICE("2:9,12,20:30,4294967290:4294967295")), 0);
	assert_int_equal(uid_set_read(arena, &b, SLICE("1:2,5,8:13,25")), 0);
	out = uid_set_common(arena, &a, &b);
	assert_written(&out, "2,5,8:9,12,25");
	out = uid_set_without(arena, &a, &b);
	assert_written(&out, "3:4,6:7,20:24,26:30,4294967290:4294967295");
	out = uid_set_without(arena, &b, &UID_SET_ALL);
	assert_int_equal(out.count, 0);
	out = uid_set_common(arena, &a, &UID_SET_ALL);
	assert_written(&out, "2:9,12,20:30,4294967290:4294967295");
	out = uid_set_without(arena, &UID_SET_ALL, &a);
	assert_written(&out, "1,10:11,13:19,31:4294967289");
	assert_int_equal(uid_set_read(arena, &a, SLICE("")), 0);
	assert_int_equal(uid_set_read(arena, &a, SLICE("1,")), -EBADMSG);
	assert_int_equal(uid_set_read(arena, &a, SLICE("5:3")), -EBADMSG);
	assert_int_equal(uid_set_read(arena, &a, SLICE("0")), -EBADMSG);
	assert_int_equal(uid_set_read(arena, &a, SLICE("1 2")), -EBADMSG);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascending_ranges_merge_as_they_come),
		cmocka_unit_test(test_sort_merges_what_came_in_disorder),
		cmocka_unit_test(test_has_and_find),
		cmocka_unit_test(test_read_and_combine),
	};
	return cmocka_run_group_tests_name("uid_set", tests, NULL, NULL);
}
