/* Names of principals; tickets need a realm, and are tests/test_auth_gssapi.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/kerberos.h"

static const char *user_of(struct arena *a, const char *principal)
{
	struct slice user;
	return kerberos_principal_user(slice_from_str(principal), SLICE("EXAMPLE.TEST"), &user)
	               ? arena_str(a, user)
	               : NULL;
}

static void principals(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	assert_string_equal(user_of(a, "alice@EXAMPLE.TEST"), "alice");
	assert_string_equal(user_of(a, "Alice.B@EXAMPLE.TEST"), "Alice.B");
	static const char *const others[] = {
		"",
		"alice",
		"@EXAMPLE.TEST",
		"alice@",
		"alice@example.test",
		"alice@OTHER.TEST",
		"alice@EXAMPLE.TEST.OTHER.TEST",
		"alice/admin@EXAMPLE.TEST",
		"alice\\/admin@EXAMPLE.TEST",
		"alice\\@EXAMPLE.TEST",
		"alice\\@OTHER.TEST@EXAMPLE.TEST",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(user_of(a, others[i]));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(principals) };
	return cmocka_run_group_tests_name("kerberos", tests, NULL, NULL);
}
