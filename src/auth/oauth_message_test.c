/* What clients say, as RFC 7628 section 4 and the makers of XOAUTH2 show it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/oauth_message.h"

#define TEXT(literal) slice_of(literal, sizeof(literal) - 1)

static void is(struct slice text, const char *wanted)
{
	assert_true(slice_equal(text, slice_from_str(wanted)));
}

static void bearer(void **state)
{
	struct arena *a = arena_new();
	struct oauth_message m;
	(void)state;
	assert_true(oauth_parse_bearer(a,
	                               TEXT("n,a=user@example.com,\1host=server.example.com\1"
	                                    "port=143\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdm"
	                                    "lzdGEuY29tCg==\1\1"),
	                               &m));
	is(m.identity, "user@example.com");
	is(m.token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
	assert_true(oauth_parse_bearer(a, TEXT("y,a=a=2Cb=3Dc,\1auth=BEARER   x\1\1"), &m));
	is(m.identity, "a,b=c");
	is(m.token, "x");
	assert_true(oauth_parse_bearer(a, TEXT("n,,\1auth=\1\1"), &m));
	assert_true(m.identity.len == 0 && m.token.len == 0);
	static const char *const bad[] = {
		"",
		"\1",
		"n",
		"n,,",
		"n,,\1",
		"n,,\1auth=Bearer x\1",
		"n,,\1auth=Bearer x\1\1\1",
		"n,,auth=Bearer x\1\1",
		"p=tls-exporter,,\1auth=Bearer x\1\1",
		"n,a=,\1auth=Bearer x\1\1",
		"n,a=x=,\1auth=Bearer x\1\1",
		"n,a=x=2,\1auth=Bearer x\1\1",
		"n,b=x,\1auth=Bearer x\1\1",
		"n,,\1auth=Bearer x y\1\1",
		"n,,\1auth=Bearer \1\1",
		"n,,\1auth=Basic x\1\1",
		"n,,\1auth\1\1",
		"n,,\1=x\1\1",
		"n,,\1auth=Bearer x\1auth=Bearer y\1\1",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(oauth_parse_bearer(a, slice_from_str(bad[i]), &m));
	arena_free(a);
}

static void xoauth2(void **state)
{
	struct oauth_message m;
	(void)state;
	assert_true(oauth_parse_xoauth2(
		TEXT("user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhd"
	             "mlzdGEuY29tCg==\1\1"),
		&m));
	is(m.identity, "someuser@example.com");
	is(m.token, "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==");
	assert_false(oauth_parse_xoauth2(TEXT("user=a\1user=b\1auth=Bearer x\1\1"), &m));
	assert_false(oauth_parse_xoauth2(TEXT("user=a\1auth=Bearer x\1"), &m));
	assert_false(oauth_parse_xoauth2(TEXT("user=a\0b\1auth=Bearer x\1\1"), &m));
}

static void errors(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	is(oauth_bearer_error(a, "invalid_token", "mail", "https://id.example.test"),
	   "{\"status\":\"invalid_token\",\"scope\":\"mail\",\"openid-configuration\":"
	   "\"https://id.example.test/.well-known/openid-configuration\"}");
	is(oauth_bearer_error(a, "invalid_token", NULL, "accounts.example.test"),
	   "{\"status\":\"invalid_token\"}");
	is(oauth_xoauth2_error(a, NULL),
	   "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"\"}");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bearer), cmocka_unit_test(xoauth2),
		                            cmocka_unit_test(errors) };
	return cmocka_run_group_tests_name("oauth_message", tests, NULL, NULL);
}
