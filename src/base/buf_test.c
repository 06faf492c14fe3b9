#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/buf.h"

static void grows_to_its_maximum(void **state)
{
	(void)state;
	struct buf b = buf_make(10);
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(buf_append(&b, SLICE("12345")), 0);
	assert_int_equal(buf_printf(&b, "%s", "67890"), 0);
	assert_int_equal(buf_append_byte(&b, 'x'), -ENOBUFS);
	assert_true(buf_failed(&b));
	assert_true(slice_equal(buf_slice(&b), SLICE("1234567890")));
	buf_consume(&b, 9);
	assert_int_equal(buf_append_byte(&b, 'x'), -ENOBUFS);
	buf_clear(&b);
	assert_int_equal(buf_append_byte(&b, 'x'), 0);
	assert_false(buf_failed(&b));
	buf_free(&b);
	assert_int_equal(buf_append(&b, SLICE("again")), 0);
	buf_free(&b);
}

static void reserve_and_consume(void **state)
{
	(void)state;
	struct buf b = buf_make(1000);
	char *at = buf_reserve(&b, 600);
	assert_non_null(at);
	memset(at, 'a', 600);
	buf_commit(&b, 600);
	assert_null(buf_reserve(&b, 401));
	buf_clear(&b);
	buf_append(&b, SLICE("abcdef"));
	buf_consume(&b, 2);
	assert_true(slice_equal(buf_slice(&b), SLICE("cdef")));
	buf_truncate(&b, 1);
	assert_true(slice_equal(buf_slice(&b), SLICE("c")));
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_printf(&b, "%01000d", 7), 0);
	assert_int_equal(b.len, 1000);
	assert_int_equal(buf_printf(&b, "%d", 7), -ENOBUFS);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum),
		cmocka_unit_test(reserve_and_consume),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
