#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/base_subject.h"

static void test_base_subjects(void **state)
{
	static const struct {
		const char *subject, *base;
		bool is_reply;
	} cases[] = {
		{ "lunch", "lunch", false },
		{ "Re: lunch", "lunch", true },
		{ "RE : \t lunch  at\r\n noon ", "lunch at noon", true },
		{ "Fwd: re: fw: lunch", "lunch", true },
		{ "[list] Re: [list] lunch", "lunch", true },
		{ "re[2]: lunch (fwd) (FWD)", "lunch", true },
		{ "[fwd: Re: lunch]", "lunch", true },
		{ "[list]", "[list]", false },
		{ "[a] [b]", "[b]", false },
		{ "Re: ", "", true },
		{ "regarding lunch", "regarding lunch", false },
		{ "Re", "Re", false },
		{ "", "", false },
		{ "[unclosed lunch", "[unclosed lunch", false },
		{ "[fwd:]", "", true },
	};
	struct arena *arena = arena_new();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_reply;
		struct slice got = message_base_subject(arena, slice_from_str(cases[i].subject),
		                                        &is_reply);
		if (!slice_equal(got, slice_from_str(cases[i].base)) ||
		    is_reply != cases[i].is_reply)
			fail_msg("\"%s\" gives \"%.*s\" (%d)", cases[i].subject, SLICE_ARG(got),
			         is_reply);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_subjects),
	};
	return cmocka_run_group_tests_name("base_subject", tests, NULL, NULL);
}
