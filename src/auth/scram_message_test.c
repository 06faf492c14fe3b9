/* The client's messages, as in RFC 5802 section 5 and RFC 7677 section 3, and otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/scram_message.h"

static void is(struct slice text, const char *wanted)
{
	assert_true(slice_equal(text, slice_from_str(wanted)));
}

static void first(void **state)
{
	struct arena *a = arena_new();
	struct scram_first m;
	(void)state;
	assert_true(scram_parse_first(a, SLICE("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"), &m));
	assert_int_equal(m.flag, 'n');
	is(m.name, "user");
	is(m.nonce, "fyko+d2lbbFgONRv9qkxdawL");
	is(m.header, "n,,");
	is(m.bare, "n=user,r=fyko+d2lbbFgONRv9qkxdawL");
	assert_true(scram_parse_first(
		a, SLICE("p=tls-server-end-point,a=b=2Cc,n=d=3De,r=x,y=z=,A=1"), &m));
	is(m.binding, "tls-server-end-point");
	is(m.authorize_as, "b,c");
	is(m.name, "d=e");
	is(m.header, "p=tls-server-end-point,a=b=2Cc,");
	static const char *const bad[] = {
		"",
		"n",
		"n,,",
		"n=user,r=x",
		"x,,n=user,r=x",
		"p,,n=user,r=x",
		"p=,,n=user,r=x",
		"n,b=c,n=user,r=x",
		"n,a=,n=user,r=x",
		"n,,n=,r=x",
		"n,,n=us=er,r=x",
		"n,,n=us=2cer,r=x",
		"n,,n=\xff,r=x",
		"n,,n=user",
		"n,,n=user,r=",
		"n,,n=user,r=a b",
		"n,,m=x,n=user,r=x",
		"n,,n=user,r=x,",
		"n,,n=user,r=x,y",
		"n,,n=user,r=x,y=",
		"n,,n=user,r=x,1=y",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(scram_parse_first(a, slice_from_str(bad[i]), &m));
	arena_free(a);
}

static void final(void **state)
{
	struct arena *a = arena_new();
	struct scram_final m;
	(void)state;
	assert_true(scram_parse_final(a, SLICE("c=biws,r=a%b,p=dGVzdA=="), &m));
	is(m.bound, "n,,");
	is(m.nonce, "a%b");
	is(m.proof, "test");
	is(m.unproved, "c=biws,r=a%b");
	assert_true(scram_parse_final(a, SLICE("c=biws,r=a,x=y,p=dGVzdA=="), &m));
	is(m.unproved, "c=biws,r=a,x=y");
	static const char *const bad[] = {
		"",
		"c=biws,r=a",
		"c=biws,r=a,p=?",
		"c=?,r=a,p=dGVzdA==",
		"c=biws,p=dGVzdA==",
		"r=a,c=biws,p=dGVzdA==",
		"c=biws,r=,p=dGVzdA==",
		"c=biws,r=a,p=dGVzdA==,x=y",
		"c=biws,r=a,p=dGVzdA",
		"c=biws,r=a,,p=dGVzdA==",
		"p=dGVzdA==",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(scram_parse_final(a, slice_from_str(bad[i]), &m));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(first), cmocka_unit_test(final) };
	return cmocka_run_group_tests_name("scram_message", tests, NULL, NULL);
}
