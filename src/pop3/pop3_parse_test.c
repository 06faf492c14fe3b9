#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3/pop3_parse.h"

static void commands(void **state)
{
	struct pop3_command c;
	(void)state;
	assert_true(pop3_parse_command(SLICE("quit"), &c));
	assert_true(slice_equal(c.keyword, SLICE("quit")) && !c.has_argument);
	assert_true(pop3_parse_command(SLICE("TOP 1 10"), &c));
	assert_true(slice_equal(c.keyword, SLICE("TOP")) && c.has_argument);
	assert_true(slice_equal(c.argument, SLICE("1 10")));
	assert_true(pop3_parse_command(SLICE("PASS  two spaces "), &c));
	assert_true(slice_equal(c.argument, SLICE(" two spaces ")));
	assert_true(pop3_parse_command(SLICE("PASS gr\xc3\xbc\xc3\x9f"), &c));
	assert_true(slice_equal(c.argument, SLICE("gr\xc3\xbc\xc3\x9f")));
	assert_true(pop3_parse_command(SLICE("NOOP  "), &c) && !c.has_argument);
}

static void no_commands(void **state)
{
	struct pop3_command c;
	(void)state;
	assert_false(pop3_parse_command(SLICE(""), &c));
	assert_false(pop3_parse_command(SLICE(" QUIT"), &c));
	assert_false(pop3_parse_command(SLICE("QU"), &c));
	assert_false(pop3_parse_command(SLICE("QUITE"), &c));
	assert_false(pop3_parse_command(SLICE("RETR1"), &c));
	assert_false(pop3_parse_command(SLICE("QUIT\t1"), &c));
	assert_false(pop3_parse_command(SLICE("USER a\rb"), &c));
	assert_false(pop3_parse_command(slice_of("USER a\0b", 8), &c));
	assert_false(pop3_parse_command(SLICE("GET / HTTP/1.1\x7f"), &c));
}

static void numbers(void **state)
{
	uint32_t n = 0;
	uint64_t lines = 0;
	(void)state;
	assert_true(pop3_parse_message(SLICE("1"), &n) && n == 1);
	assert_true(pop3_parse_message(SLICE(" 4294967295 "), &n) && n == UINT32_MAX);
	assert_false(pop3_parse_message(SLICE("0"), &n));
	assert_false(pop3_parse_message(SLICE("-1"), &n));
	assert_false(pop3_parse_message(SLICE("4294967296"), &n));
	assert_false(pop3_parse_message(SLICE("1 2"), &n));
	assert_false(pop3_parse_message(SLICE(""), &n));
	assert_true(pop3_parse_top(SLICE("3 0"), &n, &lines) && n == 3 && lines == 0);
	assert_true(pop3_parse_top(SLICE("3  25 "), &n, &lines) && lines == 25);
	assert_false(pop3_parse_top(SLICE("3"), &n, &lines));
	assert_false(pop3_parse_top(SLICE("3 "), &n, &lines));
	assert_false(pop3_parse_top(SLICE("3 -1"), &n, &lines));
	assert_false(pop3_parse_top(SLICE("3 1 1"), &n, &lines));
}

static void auth(void **state)
{
	struct pop3_auth a;
	(void)state;
	assert_true(pop3_parse_auth(SLICE("PLAIN"), &a) && !a.has_initial);
	assert_true(slice_equal(a.mechanism, SLICE("PLAIN")));
	assert_true(pop3_parse_auth(SLICE("PLAIN AGEAYg=="), &a) && a.has_initial);
	assert_true(slice_equal(a.initial, SLICE("AGEAYg==")));
	assert_true(pop3_parse_auth(SLICE("LOGIN ="), &a) && slice_equal(a.initial, SLICE("=")));
	assert_false(pop3_parse_auth(SLICE("PLAIN a b"), &a));
	assert_false(pop3_parse_auth(SLICE(""), &a));
	assert_false(pop3_parse_auth(SLICE("A-MECHANISM-TOO-LONG-TO-BE-ONE"), &a));
}

static void tops(void **state)
{
	struct slice m = SLICE("A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree");
	(void)state;
	assert_int_equal(pop3_top_length(m, 0), 14);
	assert_int_equal(pop3_top_length(m, 1), 19);
	assert_int_equal(pop3_top_length(m, 2), 24);
	assert_int_equal(pop3_top_length(m, 3), m.len);
	assert_int_equal(pop3_top_length(m, UINT64_MAX), m.len);
	assert_int_equal(pop3_top_length(SLICE("A: 1\n\none\ntwo\n"), 1), 10);
	assert_int_equal(pop3_top_length(SLICE("A: header only"), 5), 14);
	assert_int_equal(pop3_top_length(SLICE("\r\nbody\r\n"), 0), 2);
	assert_int_equal(pop3_top_length(SLICE_EMPTY, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands), cmocka_unit_test(no_commands),
		cmocka_unit_test(numbers),  cmocka_unit_test(auth),
		cmocka_unit_test(tops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
