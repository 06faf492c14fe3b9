#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "smtp/smtp_reply.h"

/* Each reply is one line of at most 512 bytes (RFC 5321 section 4.5.3.1.5) with a code and an
 * enhanced code of the same class (RFC 2034 section 4); 354 has none, its class having none. */
static void test_lines(void **state)
{
	(void)state;
	for (int i = 0; i < SMTP_ANSWER_COUNT; i++) {
		struct slice line = smtp_answer_line((enum smtp_answer)i);
		if (line.len == 0)
			fail_msg("answer %d has no text", i);
		assert_true(line.len <= 512);
		assert_true(slice_ends_with(line, SLICE("\r\n")));
		assert_int_equal(slice_find_byte(line, '\n'), line.len - 1);
		assert_true(slice_is_ascii(line));
		assert_true(byte_is_digit(line.data[1]) && byte_is_digit(line.data[2]));
		assert_int_equal(line.data[3], ' ');
		if (line.data[0] == '3')
			continue;
		assert_int_equal(line.data[4], line.data[0]);
		assert_int_equal(line.data[5], '.');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
