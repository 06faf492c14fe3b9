#include "base/base_testing.h"

#include <errno.h>

#include "message/report_file.h"

static void packed(void **state)
{
	static const char zeros[100000];
	struct slice bytes, text;
	assert_int_equal(report_pack(*state, SLICE("hello"), &bytes), 0);
	assert_int_equal(report_unpack(*state, bytes, 5, &text), 0);
	assert_text(text, "hello");
	assert_int_equal(report_unpack(*state, bytes, 4, &text), -ENOBUFS);
	assert_int_equal(report_unpack(*state, slice_sub(bytes, 0, bytes.len - 10), 5, &text),
	                 -EINVAL);
	assert_int_equal(report_unpack(*state, SLICE("{}"), 5, &text), -EINVAL);
	assert_int_equal(report_unpack(*state, SLICE_EMPTY, 5, &text), -EINVAL);
	/* A bomb. */
	assert_int_equal(report_pack(*state, slice_of(zeros, sizeof(zeros)), &bytes), 0);
	assert_true(bytes.len < 1000);
	assert_int_equal(report_unpack(*state, bytes, 50000, &text), -ENOBUFS);
}

/* One file "a" with "hello", stored. */
static const unsigned char zip[] = {
	'P',  'K',  3, 4,    10,   0, 0,  0, 0,  0,   0,   0,   0,   0,   0x86, 0xa6, 0x10, 0x36,
	5,    0,    0, 0,    5,    0, 0,  0, 1,  0,   0,   0,   'a', 'h', 'e',  'l',  'l',  'o',
	'P',  'K',  1, 2,    30,   3, 10, 0, 0,  0,   0,   0,   0,   0,   0,    0,    0x86, 0xa6,
	0x10, 0x36, 5, 0,    0,    0, 5,  0, 0,  0,   1,   0,   0,   0,   0,    0,    0,    0,
	0,    0,    0, 0xa4, 0x81, 0, 0,  0, 0,  'a', 'P', 'K', 5,   6,   0,    0,    0,    0,
	1,    0,    1, 0,    47,   0, 0,  0, 36, 0,   0,   0,   0,   0,
};

static void zipped(void **state)
{
	struct slice text;
	assert_int_equal(report_unpack(*state, slice_of(zip, sizeof(zip)), 100, &text), 0);
	assert_text(text, "hello");
	assert_int_equal(report_unpack(*state, slice_of(zip, 33), 100, &text), -EINVAL);
}

static void shown(void **state)
{
	assert_text(report_shown(*state, SLICE("a\x1b[2J\xc3\xa4")), "a?[2J??");
	char *name = arena_alloc(*state, 1000);
	memset(name, 'x', 1000);
	assert_int_equal(report_shown(*state, slice_of(name, 1000)).len, REPORT_SHOWN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(packed),
		ARENA_TEST(zipped),
		ARENA_TEST(shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
