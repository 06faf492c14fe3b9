#include "guard/clamd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void answers(void **state)
{
	(void)state;
	enum clamd_result result;
	struct slice name;
	assert_int_equal(clamd_parse(SLICE("stream: OK"), &result, &name), 0);
	assert_int_equal(result, CLAMD_CLEAN);
	assert_int_equal(clamd_parse(SLICE("stream: Eicar-Test.UNOFFICIAL FOUND"), &result, &name),
	                 0);
	assert_int_equal(result, CLAMD_FOUND);
	assert_true(slice_equal(name, SLICE("Eicar-Test.UNOFFICIAL")));
	/* What is not known to be clean is not clean. */
	const struct slice wrong[] = {
		SLICE(""),
		SLICE("OK"),
		SLICE("stream: OK "),
		SLICE("stream: FOUND"),
		SLICE("stream:  FOUND"),
		SLICE("stream: a\rb FOUND"),
		SLICE("stream: Can't allocate memory ERROR"),
		SLICE("INSTREAM size limit exceeded. ERROR"),
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(clamd_parse(wrong[i], &result, &name), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
