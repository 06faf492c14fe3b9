#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checksum.h"

/* RFC 3720, appendix B.4. */
static void knows_the_examples(void **state)
{
	(void)state;
	char bytes[32];
	assert_int_equal(checksum_add(0, SLICE("123456789")), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(checksum_add(0, slice_of(bytes, 32)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(checksum_add(0, slice_of(bytes, 32)), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (char)i;
	assert_int_equal(checksum_add(0, slice_of(bytes, 32)), 0x46dd794e);
	assert_int_equal(checksum_add(0, SLICE_EMPTY), 0);
}

static void both_ways_agree_and_go_on(void **state)
{
	(void)state;
	char bytes[1000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 13);
	for (size_t cut = 0; cut <= 64; cut++) {
		struct slice whole = slice_of(bytes + cut % 9, 900);
		uint32_t parts = checksum_add(checksum_add(0, slice_sub(whole, 0, cut)),
		                              slice_from(whole, cut));
		assert_int_equal(parts, checksum_add(0, whole));
		assert_int_equal(parts, checksum_add_portable(0, whole));
	}
}

/* Long ones are summed up in pieces. */
static void long_ones_agree(void **state)
{
	(void)state;
	static char bytes[20000];
	uint32_t random = 1;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (char)(random >> 24);
	}
	for (size_t len = 3000; len < sizeof(bytes) - 10; len += 509) {
		struct slice s = slice_of(bytes + len % 10, len);
		assert_int_equal(checksum_add(0, s), checksum_add_portable(0, s));
		assert_int_equal(checksum_add(len & 0xff, s), checksum_add_portable(len & 0xff, s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_examples),
		cmocka_unit_test(both_ways_agree_and_go_on),
		cmocka_unit_test(long_ones_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
