/* RFC 8601 appendix B, and what is no Authentication-Results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust/authres.h"
#include "trust/trust.h"

static bool is(struct slice s, const char *text) { return slice_equal(s, slice_from_str(text)); }

static bool parses(const char *text)
{
	struct arena *arena = arena_new();
	struct authres a;
	bool good = authres_parse(arena, slice_from_str(text), &a);
	arena_free(arena);
	return good;
}

static void examples(void **state)
{
	struct arena *arena = arena_new();
	struct authres a;
	(void)state;
	assert_true(authres_parse(arena, SLICE(" example.org 1; none"), &a));
	assert_true(is(a.id, "example.org"));
	assert_int_equal(a.count, 0);

	assert_true(authres_parse(arena,
	                          SLICE(" example.com;\r\n"
	                                "          auth=pass (cleartext) "
	                                "smtp.auth=sender@example.net;\r\n"
	                                "          spf=pass smtp.mailfrom=example.net"),
	                          &a));
	assert_int_equal(a.count, 2);
	assert_true(is(a.results[0].properties[0].value, "sender@example.net"));
	assert_true(is(a.results[1].method, "spf"));

	assert_true(authres_parse(arena,
	                          SLICE(" example.com; sender-id=fail header.from=example.com; "
	                                "dkim=pass (good signature) header.d=example.com"),
	                          &a));
	assert_true(is(a.results[1].result, "pass"));
	assert_true(is(a.results[1].properties[0].type, "header"));
	assert_true(is(a.results[1].properties[0].name, "d"));

	/* B.7: comments wherever they may stand. */
	assert_true(
		authres_parse(arena,
	                      SLICE(" foo.example.net (foobar) 1 (baz);\r\n"
	                            "    dkim (Because I like it) / 1 (One yay) = (wait for it) "
	                            "fail\r\n"
	                            "      policy (A dot can go here) . (like that) expired\r\n"
	                            "      (this surprised me) = (as I wasn't expecting it) "
	                            "1362471462"),
	                      &a));
	assert_true(is(a.id, "foo.example.net"));
	assert_true(is(a.results[0].method, "dkim") && is(a.results[0].result, "fail"));
	assert_true(is(a.results[0].properties[0].name, "expired"));
	assert_true(is(a.results[0].properties[0].value, "1362471462"));

	assert_true(
		authres_parse(arena,
	                      SLICE("\"id;1\"; dkim=fail reason=\"bad \\\"x\\\"\" header.i=@a.b "
	                            "header.b=\"aa/b=\";"),
	                      &a));
	assert_true(is(a.id, "id;1") && is(a.results[0].reason, "bad \"x\""));
	assert_true(is(a.results[0].properties[1].value, "aa/b="));
	arena_free(arena);
}

static void not_one(void **state)
{
	(void)state;
	assert_false(parses(""));
	assert_false(parses("; dkim=pass"));
	assert_false(parses("a.b 2; dkim=pass"));
	assert_false(parses("a.b; dkim"));
	assert_false(parses("a.b; dkim=pass header.d"));
	assert_false(parses("a.b; dkim=pass; none"));
	assert_false(parses("a.b (; dkim=pass"));
	assert_false(parses("a.b; dkim=pass \"x\""));
	assert_false(parses("a.b dkim=pass"));
	assert_false(parses("a.b; ((((((((((((((((((x"));
}

static void ours(void **state)
{
	struct arena *arena = arena_new();
	struct slice id = SLICE("mx.b\xC3\xBC"
	                        "cher.test");
	(void)state;
	assert_true(authres_is_ours(arena,
	                            SLICE(" mx.b\xC3\xBC"
	                                  "cher.test; dkim=pass"),
	                            id));
	assert_true(authres_is_ours(arena, SLICE(" (x) MX.xn--bcher-kva.TEST 1; dkim=pass"), id));
	assert_true(authres_is_ours(arena, SLICE("\"mx.xn--bcher-kva.test\""), id));
	assert_false(authres_is_ours(arena, SLICE("mx.xn--bcher-kva.test.example; none"), id));
	/* What can't be read may be read by others. */
	assert_true(authres_is_ours(arena, SLICE("(( mx.a.test; dkim=pass"), SLICE("mx.a.test")));
	assert_false(authres_is_ours(arena, SLICE("(( mx.b.test; dkim=pass"), SLICE("mx.a.test")));
	arena_free(arena);
}

/* What is written can be read. */
static void written(void **state)
{
	struct arena *arena = arena_new();
	struct trust_results r = { .authserv_id = SLICE("mx.example.test") };
	struct authres a;
	(void)state;
	assert_true(
		is(trust_field(&r, arena), "Authentication-Results: mx.example.test; none\r\n"));
	struct trust_verdict *v = trust_add(&r, arena, "dkim", TRUST_FAIL, "it says \"no\"");
	trust_property(v, "header", "d", SLICE("example.org"));
	trust_property(v, "header", "i", SLICE("\"odd one\"@example.org"));
	trust_property(v, "header", "b", SLICE("aa/+b="));
	trust_property(v, "header", "x", SLICE("a\r\nForged: yes"));
	for (int i = 0; i < 20; i++)
		trust_add(&r, arena, "spf", TRUST_NONE, "");
	struct slice field = trust_field(&r, arena);
	assert_int_equal(slice_find(field, SLICE("\r\nForged")), -1);
	assert_true(slice_ends_with(field, SLICE("\r\n")));
	assert_true(authres_parse(arena, slice_trim(slice_from(field, 24)), &a));
	assert_int_equal(a.count, 21);
	assert_true(is(a.results[0].reason, "it says \"no\""));
	assert_true(is(a.results[0].properties[1].value, "\"odd one\"@example.org"));
	assert_true(is(a.results[0].properties[2].value, "aa/+b="));
	assert_true(slice_starts_with(trust_text(&r, arena),
	                              SLICE("dkim=fail (example.org: it says \"no\"), spf=none")));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(not_one),
		cmocka_unit_test(ours),
		cmocka_unit_test(written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
