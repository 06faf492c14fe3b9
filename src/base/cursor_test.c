#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"

static void takes_in_order(void **state)
{
	(void)state;
	struct cursor c = cursor_of(SLICE("From:<a@b> 42 \t!x"));
	struct slice s;
	uint64_t n;
	char byte;
	assert_true(take_text_nocase(&c, SLICE("FROM:")));
	assert_true(take_byte(&c, '<'));
	assert_true(take_while(&c, byte_is_alpha, 10, &s));
	assert_true(slice_equal(s, SLICE("a")));
	assert_true(take_until(&c, '>', 10, &s));
	assert_true(slice_equal(s, SLICE("@b")));
	assert_true(take_text(&c, SLICE("> ")));
	assert_true(take_number(&c, 42, &n));
	assert_int_equal(n, 42);
	skip_space(&c);
	assert_int_equal(cursor_peek(&c), '!');
	assert_true(take_any(&c, &byte));
	assert_int_equal(byte, '!');
	assert_true(take_byte_nocase(&c, 'X'));
	assert_true(cursor_at_end(&c));
	assert_int_equal(cursor_peek(&c), -1);
}

static void failure_leaves_it_alone(void **state)
{
	(void)state;
	struct cursor c = cursor_of(SLICE("12345"));
	struct cursor before = c;
	struct slice s;
	uint64_t n;
	assert_false(take_byte(&c, '2'));
	assert_false(take_text(&c, SLICE("123456")));
	assert_false(take_while(&c, byte_is_digit, 4, &s));
	assert_false(take_while(&c, byte_is_alpha, 4, &s));
	assert_false(take_until(&c, '9', 10, &s));
	assert_false(take_until(&c, '5', 3, &s));
	assert_false(take_number(&c, 12344, &n));
	assert_false(take_bytes(&c, 6, &s));
	assert_ptr_equal(c.at, before.at);
	c = cursor_of(SLICE("000000000000000000001"));
	assert_false(take_number(&c, UINT64_MAX, &n));
	c = cursor_of(SLICE_EMPTY);
	char byte;
	assert_false(take_any(&c, &byte));
	assert_false(take_byte_nocase(&c, 'a'));
	assert_false(take_number(&c, UINT64_MAX, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_in_order),
		cmocka_unit_test(failure_leaves_it_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
