#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/ldap_filter.h"

static const struct {
	const char *template;
	struct slice local, domain;
	const char *filter;
} filters[] = {
	{ "(mail=%u)", { "alice", 5 }, { "example.test", 12 }, "(mail=alice@example.test)" },
	{ "(&(uid=%n)(o=%d))", { "al", 2 }, { "a.test", 6 }, "(&(uid=al)(o=a.test))" },
	{ "(cn=100%%)", { "al", 2 }, { "a.test", 6 }, "(cn=100%)" },
	/* RFC 4515 section 4: what is special is two hexadecimal digits. */
	{ "(uid=%n)", { "*", 1 }, { "", 0 }, "(uid=\\2a)" },
	{ "(uid=%n)", { "a)(uid=*", 8 }, { "", 0 }, "(uid=a\\29\\28uid=\\2a)" },
	{ "(uid=%n)", { "\\2a", 3 }, { "", 0 }, "(uid=\\5c2a)" },
	{ "(uid=%n)", { "a\0b\n\x7f", 5 }, { "", 0 }, "(uid=a\\00b\\0a\\7f)" },
	{ "(uid=%n)", { "\xc3\xa9%u", 4 }, { "", 0 }, "(uid=\\c3\\a9%u)" },
	{ "(uid=%x)", { "al", 2 }, { "", 0 }, NULL },
	{ "(uid=%", { "al", 2 }, { "", 0 }, NULL },
};

static void values_stay_values(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct slice template = slice_from_str(filters[i].template);
		const char *made = ldap_filter(arena, template, filters[i].local,
		                               filters[i].domain);
		assert_int_equal(made != NULL, filters[i].filter != NULL);
		if (made)
			assert_string_equal(made, filters[i].filter);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stay_values),
	};
	return cmocka_run_group_tests_name("ldap_filter", tests, NULL, NULL);
}
