#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "route/post_bounce_find.h"

static void test_verp(void **state)
{
	static const struct {
		const char *local;
		size_t skip;
		const char *address; /* NULL: it is none */
	} cases[] = {
		{ "list+bob=far.test", 0, "bob@far.test" },
		{ "list+bob=far.test", 1, NULL },
		{ "list+verp=bob=far.test", 0, "verp=bob@far.test" },
		{ "list+verp=bob=far.test", 1, "bob@far.test" },
		{ "list+a-b-bob=far.test", 2, "bob@far.test" },
		{ "list+a-b-bob=far.test", 3, NULL },
		{ "list+bob", 0, NULL },
		{ "bob=far.test", 0, NULL },
		{ "list+=far.test", 0, NULL },
		{ "list+bob=", 0, NULL },
		{ "+=", 0, NULL },
		{ "", 0, NULL },
		{ "l+a-=b", 1, NULL },
	};
	struct arena *arena = arena_new();
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice out = SLICE("untouched");
		bool found = post_verp_decode(arena, slice_from_str(cases[i].local), '+',
		                              cases[i].skip, &out);
		assert_int_equal(found, cases[i].address != NULL);
		assert_string_equal(arena_str(arena, out), found ? cases[i].address : "untouched");
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_verp) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
