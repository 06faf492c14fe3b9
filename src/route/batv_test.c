/* Tags in reverse-paths, forth and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route/batv.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define NOW_MS (20998 * DAY_MS + 5000)
#define WEEK   (7 * DAY_MS)

static const struct sender_keys ours = { .keys = { { .made_ms = 20990 * DAY_MS, .secret = "ours" },
	                                           { .made_ms = 20960 * DAY_MS,
	                                             .secret = "older" } },
	                                 .count = 2 };
static const struct sender_keys older = {
	.keys = { { .made_ms = 20960 * DAY_MS, .secret = "older" } }, .count = 1
};
static const struct sender_keys others = {
	.keys = { { .made_ms = 20990 * DAY_MS, .secret = "others" } }, .count = 1
};

static struct arena *arena;

static struct address parsed(const char *text)
{
	struct address a;
	assert_true(address_parse(arena, slice_from_str(text), 0, &a));
	return a;
}

static const char *forth(const struct sender_keys *keys, const char *text)
{
	struct address sender = parsed(text), out;
	return batv_tag(arena, keys, &sender, NOW_MS, WEEK, &out)
	               ? arena_str(arena, address_text(arena, &out))
	               : NULL;
}

static enum batv_result back(const struct sender_keys *keys, const char *text, int64_t now_ms,
                             const char **local_out)
{
	struct address given = parsed(text);
	struct slice local = SLICE_EMPTY;
	enum batv_result result = batv_untag(arena, keys, &given, now_ms, WEEK, &local);
	*local_out = arena_str(arena, local);
	return result;
}

static void there_and_back(void **state)
{
	const char *local, *tagged = forth(&ours, "Alice+x@example.org");
	(void)state;
	/* Key 20990 % 10; seven days from day 998 of a thousand. */
	assert_memory_equal(tagged, "prvs=0005", 9);
	assert_string_equal(tagged + 15, "=Alice+x@example.org");
	assert_int_equal(back(&ours, tagged, NOW_MS, &local), BATV_GOOD);
	assert_string_equal(local, "Alice+x");
	/* Hosts on the way may change the case of letters. */
	const char *upper = arena_str(arena, arena_lower(arena, slice_from_str(tagged)));
	assert_int_equal(back(&ours, upper, NOW_MS, &local), BATV_GOOD);
	/* A key that signs no more is good still. */
	assert_int_equal(back(&ours, forth(&older, "alice@example.org"), NOW_MS, &local),
	                 BATV_GOOD);
}

static void only_our_own(void **state)
{
	const char *local, *tagged = forth(&ours, "alice@example.org");
	char other[100];
	(void)state;
	assert_int_equal(back(&others, tagged, NOW_MS, &local), BATV_FORGED);
	assert_int_equal(back(&ours, "prvs=0005000000=alice@example.org", NOW_MS, &local),
	                 BATV_FORGED);
	/* Neither for another name, nor for another domain, nor for another day. */
	snprintf(other, sizeof(other), "%.15s=bob@example.org", tagged);
	assert_int_equal(back(&ours, other, NOW_MS, &local), BATV_FORGED);
	snprintf(other, sizeof(other), "%.15s=alice@example.net", tagged);
	assert_int_equal(back(&ours, other, NOW_MS, &local), BATV_FORGED);
	snprintf(other, sizeof(other), "%.6s009%s", tagged, tagged + 9);
	assert_int_equal(back(&ours, other, NOW_MS, &local), BATV_FORGED);
}

static void for_some_days(void **state)
{
	const char *local, *tagged = forth(&ours, "alice@example.org");
	(void)state;
	assert_int_equal(back(&ours, tagged, NOW_MS + 7 * DAY_MS, &local), BATV_GOOD);
	assert_int_equal(back(&ours, tagged, NOW_MS - DAY_MS, &local), BATV_GOOD);
	assert_int_equal(back(&ours, tagged, NOW_MS + 9 * DAY_MS, &local), BATV_OLD);
}

static void what_is_no_tag(void **state)
{
	static const char *const texts[] = {
		"alice@example.org",
		"prvs=alice@example.org",
		"prvs=00051234=alice@example.org",
		"prvs=0005123456=@example.org",
		"prvs=x005123456=alice@example.org",
		"prvs=0005123456alice@example.org",
		"0005123456=prvs=alice@example.org",
	};
	const char *local;
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(back(&ours, texts[i], NOW_MS, &local), BATV_NONE);
	/* What would be too long, or can't be signed, stays as it is. */
	assert_null(forth(&ours, "a1234567890123456789012345678901234567890123456789@example.org"));
	assert_null(forth(&(struct sender_keys){ .count = 0 }, "alice@example.org"));
	/* With nothing behind it a tag is none. */
	assert_null(forth(&ours, "\"\"@example.org"));
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(only_our_own),
		cmocka_unit_test(for_some_days),
		cmocka_unit_test(what_is_no_tag),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
