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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_examples),
		cmocka_unit_test(both_ways_agree_and_go_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
