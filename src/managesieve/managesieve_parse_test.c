#include "base/base_testing.h"

#include <errno.h>

#include "managesieve/managesieve_parse.h"

static int scan(struct arena *arena, const char *line, struct managesieve_command *c)
{
	uint64_t bytes;
	*c = (struct managesieve_command){ .keyword = SLICE_EMPTY };
	return managesieve_scan(c, arena, slice_from_str(line), &bytes);
}

static void commands(void **state)
{
	struct managesieve_command c;
	assert_int_equal(scan(*state, "LOGOUT", &c), 0);
	assert_text(c.keyword, "LOGOUT");
	assert_int_equal(c.count, 0);
	assert_int_equal(scan(*state, "HAVESPACE \"my \\\"own\\\\\" 999999", &c), 0);
	assert_text(c.arguments[0].text, "my \"own\\");
	assert_true(c.arguments[1].is_number && c.arguments[1].number == 999999);
	assert_int_equal(scan(*state, "SETACTIVE \"\"", &c), 0);
	assert_int_equal(c.arguments[0].text.len, 0);
}

static void literals(void **state)
{
	struct managesieve_command c = { .keyword = SLICE_EMPTY };
	uint64_t bytes;
	assert_int_equal(managesieve_scan(&c, *state, SLICE("PUTSCRIPT {3+}"), &bytes), 1);
	assert_int_equal(bytes, 3);
	managesieve_add_text(&c, SLICE("abc"));
	assert_int_equal(managesieve_scan(&c, *state, SLICE(" {5}"), &bytes), 1);
	assert_int_equal(bytes, 5);
	managesieve_add_text(&c, SLICE("keep;"));
	assert_int_equal(managesieve_scan(&c, *state, SLICE(""), &bytes), 0);
	assert_int_equal(c.count, 2);
	assert_text(c.arguments[1].text, "keep;");
}

static void what_is_none(void **state)
{
	struct managesieve_command c;
	static const char *const bad[] = {
		"",
		" NOOP",
		"NOOP \"a",
		"NOOP a",
		"NOOP {3",
		"NOOP {x+}",
		"NOOP {-1+}",
		"NOOP 1 2 3",
		"NOOP \"a\\",
		"NOOP {3+} \"x\"",
		"NOOP \"a\" \"b\" {1+}",
		"NOOP {}",
		"NOOP {9x+}",
		"NOOP 9x",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (scan(*state, bad[i], &c) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
	uint64_t bytes;
	assert_int_equal(scan(*state, "NOOP", &c), 0);
	assert_int_equal(managesieve_scan(&c, *state, SLICE("x"), &bytes), -EINVAL);
}

/* What is too large is so for who looks at it: it has its own answer. */
static void numbers(void **state)
{
	struct managesieve_command c = { .keyword = SLICE_EMPTY };
	uint64_t bytes;
	assert_int_equal(managesieve_scan(&c, *state, SLICE("HAVESPACE \"a\" 4294967296"), &bytes),
	                 0);
	assert_true(c.arguments[1].is_number && c.arguments[1].number == 4294967296);
	assert_int_equal(scan(*state, "HAVESPACE \"a\" 99999999999999999999999", &c), 0);
	assert_true(c.arguments[1].number == UINT64_MAX);
	c = (struct managesieve_command){ .keyword = SLICE_EMPTY };
	assert_int_equal(
		managesieve_scan(&c, *state, SLICE("PUTSCRIPT {99999999999999999999999+}"), &bytes),
		1);
	assert_true(bytes == UINT64_MAX);
}

static void announced_literals(void **state)
{
	(void)state;
	assert_true(managesieve_announces(SLICE("PUTSCRIPT a {5+}")));
	assert_true(managesieve_announces(SLICE("x{3} {99999999999999999999999}")));
	assert_false(managesieve_announces(SLICE("PUTSCRIPT a {5+} ")));
	assert_false(managesieve_announces(SLICE("{}")));
	assert_false(managesieve_announces(SLICE("{x}")));
	assert_false(managesieve_announces(SLICE_EMPTY));
}

static void strings(void **state)
{
	struct slice text;
	uint64_t bytes;
	assert_int_equal(managesieve_scan_string(*state, SLICE("\"YWJj\""), &text, &bytes), 0);
	assert_text(text, "YWJj");
	assert_int_equal(managesieve_scan_string(*state, SLICE("{4+}"), &text, &bytes), 1);
	assert_int_equal(bytes, 4);
	assert_int_equal(managesieve_scan_string(*state, SLICE("17"), &text, &bytes), -EINVAL);
	assert_int_equal(managesieve_scan_string(*state, SLICE(""), &text, &bytes), -EINVAL);
	assert_int_equal(managesieve_scan_string(*state, SLICE("\"a\" \"b\""), &text, &bytes),
	                 -EINVAL);
	assert_int_equal(managesieve_scan_string(*state, SLICE("\"a\" {1+}"), &text, &bytes),
	                 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(commands), ARENA_TEST(literals),           ARENA_TEST(what_is_none),
		ARENA_TEST(numbers),  ARENA_TEST(announced_literals), ARENA_TEST(strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
