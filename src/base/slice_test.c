#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static void splits(void **state)
{
	(void)state;
	struct slice rest = SLICE("a,b,,c");
	assert_true(slice_equal(slice_split(&rest, ','), SLICE("a")));
	assert_true(slice_equal(slice_split(&rest, ','), SLICE("b")));
	assert_true(slice_equal(slice_split(&rest, ','), SLICE_EMPTY));
	assert_true(slice_equal(slice_split(&rest, ','), SLICE("c")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(slice_split(&rest, ',').len, 0);
}

static void sub_stays_inside(void **state)
{
	(void)state;
	struct slice s = SLICE("hello");
	assert_true(slice_equal(slice_sub(s, 1, 3), SLICE("ell")));
	assert_true(slice_equal(slice_sub(s, 3, SIZE_MAX), SLICE("lo")));
	assert_int_equal(slice_sub(s, 9, 3).len, 0);
	assert_int_equal(slice_from(s, 5).len, 0);
}

static void compares(void **state)
{
	(void)state;
	assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
	assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
	assert_int_equal(slice_compare(SLICE("x"), SLICE("x")), 0);
	assert_true(slice_equal_nocase(SLICE("MAIL From"), SLICE("mail fROM")));
	assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
	assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
	assert_true(slice_starts_with_nocase(SLICE("FROM:<>"), SLICE("from:")));
	assert_true(slice_ends_with(SLICE("a.test"), SLICE(".test")));
	assert_true(slice_ends_with_nocase(SLICE("a.TEST"), SLICE(".test")));
	assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
}

static void finds(void **state)
{
	(void)state;
	struct slice s = slice_of("a\0bca", 5);
	assert_int_equal(slice_find_byte(s, '\0'), 1);
	assert_int_equal(slice_find_last_byte(s, 'a'), 4);
	assert_int_equal(slice_find_byte(SLICE_EMPTY, 'a'), -1);
	assert_int_equal(slice_find(s, SLICE("bc")), 2);
	assert_int_equal(slice_find(s, SLICE("cb")), -1);
	assert_int_equal(slice_find_nocase(s, SLICE("CA")), 3);
	assert_int_equal(slice_find_nocase(s, SLICE("CAT")), -1);
	assert_int_equal(slice_find(s, SLICE_EMPTY), 0);
}

static void trims(void **state)
{
	(void)state;
	assert_true(slice_equal(slice_trim(SLICE(" \t a b\r\n")), SLICE("a b")));
	assert_int_equal(slice_trim(SLICE(" \r\n")).len, 0);
}

static void numbers(void **state)
{
	(void)state;
	uint64_t u = 7;
	int64_t i = 7;
	assert_true(slice_to_u64(SLICE("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	assert_false(slice_to_u64(SLICE("18446744073709551616"), &u));
	assert_false(slice_to_u64(SLICE("99999999999999999999"), &u));
	assert_false(slice_to_u64(SLICE(""), &u));
	assert_false(slice_to_u64(SLICE("+1"), &u));
	assert_false(slice_to_u64(SLICE("1 "), &u));
	assert_true(slice_to_i64(SLICE("-9223372036854775808"), &i));
	assert_true(i == INT64_MIN);
	assert_false(slice_to_i64(SLICE("9223372036854775808"), &i));
	assert_false(slice_to_i64(SLICE("-"), &i));
	assert_true(slice_to_i64(SLICE("9223372036854775807"), &i));
	assert_true(i == INT64_MAX);
}

static void utf8(void **state)
{
	(void)state;
	assert_true(slice_is_utf8(SLICE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8e")));
	assert_false(slice_is_utf8(SLICE("\xc0\xaf")));
	assert_false(slice_is_utf8(SLICE("\xe0\x80\xaf")));
	assert_false(slice_is_utf8(SLICE("\xed\xa0\x80")));
	assert_false(slice_is_utf8(SLICE("\xf4\x90\x80\x80")));
	assert_false(slice_is_utf8(SLICE("\xc3")));
	assert_false(slice_is_utf8(SLICE("\x80")));
	assert_true(slice_is_ascii(SLICE("plain")));
	assert_false(slice_is_ascii(SLICE("\xc3\xbc")));
}

static void hex_values(void **state)
{
	(void)state;
	assert_int_equal(byte_hex_value('9'), 9);
	assert_int_equal(byte_hex_value('a'), 10);
	assert_int_equal(byte_hex_value('F'), 15);
	assert_int_equal(byte_hex_value('g'), -1);
	assert_int_equal(byte_hex_value('@'), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits),   cmocka_unit_test(sub_stays_inside),
		cmocka_unit_test(compares), cmocka_unit_test(finds),
		cmocka_unit_test(trims),    cmocka_unit_test(numbers),
		cmocka_unit_test(utf8),     cmocka_unit_test(hex_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
