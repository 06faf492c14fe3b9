#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route/srs.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define NOW_MS (20000 * DAY_MS + 5000)
#define MONTH  (21 * DAY_MS)

static const struct sender_keys ours = { .keys = { { .secret = "ours" }, { .secret = "older" } },
	                                 .count = 2 };
static const struct sender_keys others = { .keys = { { .secret = "others" } }, .count = 1 };

static struct arena *arena;

static const char *forth(const struct sender_keys *keys, const char *sender, const char *domain)
{
	struct address given, out;
	assert_true(address_parse(arena, slice_from_str(sender), 0, &given));
	assert_true(srs_rewrite(arena, keys, &given, slice_from_str(domain), NOW_MS, &out));
	return arena_str(arena, address_text(arena, &out));
}

static enum srs_result back_at(const struct sender_keys *keys, const char *text, int64_t now_ms,
                               const char **out)
{
	struct address given, sender = { 0 };
	assert_true(address_parse(arena, slice_from_str(text), 0, &given));
	enum srs_result result = srs_reverse(arena, keys, given.local, now_ms, MONTH, &sender);
	*out = arena_str(arena, address_text(arena, &sender));
	return result;
}

static const char *back(const struct sender_keys *keys, const char *text)
{
	const char *out;
	return back_at(keys, text, NOW_MS, &out) == SRS_GOOD ? out : NULL;
}

static void test_there_and_back(void **state)
{
	static const char *const senders[] = { "alice@sender.example", "\"a b\"@sender.example",
		                               "a=b=c@sender.example", "a@[192.0.2.1]",
		                               "srs@sender.example",   "SRS0@sender.example",
		                               "\"\"@sender.example" };
	(void)state;
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		const char *made = forth(&ours, senders[i], "ours.example");
		assert_string_equal(back(&ours, made), senders[i]);
		assert_null(back(&others, made));
	}
	const char *made = forth(&ours, "alice@sender.example", "ours.example");
	assert_int_equal(strncmp(made, "SRS0=", 5), 0);
	assert_string_equal(made + 14, "ra=sender.example=alice@ours.example");
}

/* Where its domain ends could not be told. */
static void test_literal_with_equals(void **state)
{
	struct address given, out;
	(void)state;
	assert_true(address_parse(arena, SLICE("a@[x:b=c]"), 0, &given));
	assert_false(srs_rewrite(arena, &ours, &given, SLICE("ours.example"), NOW_MS, &out));
}

/* The second and the third to forward lead back to the first, and the address does not grow. */
static void test_chain(void **state)
{
	(void)state;
	const char *first = forth(&others, "alice@sender.example", "first.example");
	const char *second = forth(&ours, first, "ours.example");
	assert_int_equal(strncmp(second, "SRS1=", 5), 0);
	assert_string_equal(back(&ours, second), first);
	const char *third = forth(&others, second, "third.example");
	assert_int_equal(strlen(third), strlen(second) + 1); /* the length of the domain */
	assert_string_equal(back(&others, third), first);
	assert_string_equal(back(&others, first), "alice@sender.example");
}

static void test_case_and_keys(void **state)
{
	(void)state;
	const struct sender_keys older = { .keys = { { .secret = "older" } }, .count = 1 };
	const char *made = forth(&older, "Alice@sender.example", "ours.example");
	assert_string_equal(back(&ours, made), "Alice@sender.example");
	char *lower = arena_str(arena, slice_from_str(made));
	for (char *c = lower; *c; c++)
		*c = byte_lower(*c);
	assert_string_equal(back(&ours, lower), "alice@sender.example");
}

static void test_age(void **state)
{
	const char *out;
	(void)state;
	const char *made = forth(&ours, "alice@sender.example", "ours.example");
	assert_int_equal(back_at(&ours, made, NOW_MS + 21 * DAY_MS, &out), SRS_GOOD);
	assert_int_equal(back_at(&ours, made, NOW_MS - DAY_MS, &out), SRS_GOOD);
	assert_int_equal(back_at(&ours, made, NOW_MS + 24 * DAY_MS, &out), SRS_OLD);
	assert_int_equal(back_at(&ours, made, NOW_MS - 3 * DAY_MS, &out), SRS_OLD);
}

static void test_forged(void **state)
{
	static const char *const locals[] = {
		"SRS0=aaaaaaaa=tq=sender.example=alice",
		"SRS0=aaaaaaaa",
		"SRS0==tq=sender.example=alice",
		"SRS1=aaaaaaaa=first.example==x",
		"SRS0=",
	};
	struct address out;
	(void)state;
	for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++)
		assert_int_not_equal(
			srs_reverse(arena, &ours, slice_from_str(locals[i]), NOW_MS, MONTH, &out),
			SRS_GOOD);
	const char *made = forth(&ours, "alice@sender.example", "ours.example");
	for (size_t i = 5; made[i] != '@'; i++) {
		char *changed = arena_str(arena, slice_from_str(made));
		changed[i] = changed[i] == 'x' ? 'y' : 'x';
		assert_null(back(&ours, changed));
	}
	assert_int_equal(srs_reverse(arena, &ours, SLICE("alice"), NOW_MS, MONTH, &out), SRS_NONE);
}

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(test_literal_with_equals, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(test_chain, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(test_case_and_keys, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(test_age, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(test_forged, make_arena, free_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
