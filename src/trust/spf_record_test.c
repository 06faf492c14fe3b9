/* RFC 7208 section 12: what is a record, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust/spf_record.h"

static bool parses(const char *text)
{
	struct arena *arena = arena_new();
	struct spf_record r;
	struct slice where;
	const char *wrong = spf_record_parse(arena, slice_from_str(text), &r, &where);
	if (wrong)
		assert_true(where.len > 0);
	arena_free(arena);
	return !wrong;
}

static bool is(struct slice s, const char *text) { return slice_equal(s, slice_from_str(text)); }

static void what_is_a_record(void **state)
{
	(void)state;
	assert_true(spf_is_record(SLICE("v=spf1")));
	assert_true(spf_is_record(SLICE("V=SPF1 -all")));
	assert_false(spf_is_record(SLICE("v=spf10 -all")));
	assert_false(spf_is_record(SLICE("v=spf1\t-all")));
	assert_false(spf_is_record(SLICE(" v=spf1")));
	assert_false(spf_is_record(SLICE("v=DKIM1")));
}

static void a_record_in_full(void **state)
{
	struct arena *arena = arena_new();
	struct spf_record r;
	struct slice where;
	(void)state;
	assert_null(spf_record_parse(
		arena,
		SLICE("v=spf1  a mx:example.org/24//64 ~include:%{d2}.spf.test ?ptr "
	              "ip4:192.0.2.77/24 IP6:2001:db8::/32 exists:%{ir}.%{v}.test "
	              "moo.cow-far_out=man:dog/cat redirect=_spf.example.org "
	              "exp=why.%{d} -all "),
		&r, &where));
	assert_int_equal(r.count, 8);
	assert_int_equal(r.terms[0].kind, SPF_A);
	assert_int_equal(r.terms[0].bits_v4, 32);
	assert_int_equal(r.terms[0].bits_v6, 128);
	assert_true(is(r.terms[1].domain, "example.org"));
	assert_int_equal(r.terms[1].bits_v4, 24);
	assert_int_equal(r.terms[1].bits_v6, 64);
	assert_int_equal(r.terms[2].result, TRUST_SOFTFAIL);
	assert_int_equal(r.terms[3].result, TRUST_NEUTRAL);
	assert_int_equal(r.terms[4].network.bits, 120);
	assert_int_equal(r.terms[5].network.bits, 32);
	assert_int_equal(r.terms[7].result, TRUST_FAIL);
	assert_true(is(r.redirect, "_spf.example.org"));
	assert_true(is(r.explanation, "why.%{d}"));
	arena_free(arena);
}

static void good_terms(void **state)
{
	static const char *const good[] = {
		"v=spf1",
		"v=spf1 a/0 a//0 a/24//64 mx/32 a:x.test./8",
		"v=spf1 a:%{i} a:%{d}/24 a:_x.example a:a-b.c-d",
		"v=spf1 exists:%{l1r+-}.%{o}.%%.test exists:%{S}.x exists:%_x.test",
		"v=spf1 a:%{d/}/16 a:foo/bar.test",
		"v=spf1 ip4:0.0.0.0/0 ip6:::/0 ip6:::1 ip6:::ffff:1.2.3.4/120",
		"v=spf1 x= x=%{s} default=neutral include=x",
		"v=spf1 exp=a.b redirect=c.d ptr:example.org",
		"v=spf1 a:%{d128}.x a:1.2.3.4a",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(parses(good[i]));
}

static const char *const bad[] = {
	"all.",
	"all:x.test",
	"all/8",
	"-",
	"+-all",
	"foo",
	"a:",
	"a/",
	"a/33",
	"a/024",
	"a//129",
	"a/24/24",
	"a:museum",
	"a:museum.",
	"a:111.222.33.44",
	"a:abc.123",
	"a:x.-com",
	"a:x.com-",
	"a:x.test:8080",
	"mx:",
	"mx/-1",
	"include",
	"include:",
	"exists",
	"exists:",
	"exists:x",
	"exists/24",
	"ptr:",
	"ptr/24",
	"ip4",
	"ip4:",
	"ip4:1.2.3",
	"ip4:1.2.3.4/33",
	"ip4:1.2.3.4/",
	"ip4:1.2.3.4//24",
	"ip4:1.2.3.4:25",
	"ip4:::1",
	"ip6:1.2.3.4",
	"ip6:::1/129",
	"ip6:::1//33",
	"ip6",
	"ip4:1.2.3.4/032",
	"redirect=",
	"exp=",
	"redirect=x",
	"redirect=a.b redirect=a.b",
	"exp=a.b exp=c.d",
	"redirect:a.b",
	"a:%{x}.y",
	"a:%{d0}",
	"a:%{d",
	"a:%d",
	"a:%",
	"a:%{}",
	"a:%{dr2}",
	"a:%{d-x}",
	"a:%{c}.x",
	"exists:%{t}.x",
	"exp=%{r}.x",
	"a:%{d1234}",
	"a:x..",
	"moo.cow/far=x",
	"moo:cow=x",
	"x=%",
	"x=%{z}",
	"=x",
	"1=x",
	"a:\xC3\xA9.test",
	"-\x01",
	"a:x\ty.test",
	"ip4:*",
	"ip6:unix:/x",
};

static void bad_terms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[200];
		snprintf(text, sizeof(text), "v=spf1 %s -all", bad[i]);
		if (parses(text))
			fail_msg("%s", text);
	}
}

static void too_many_terms(void **state)
{
	static char text[3 * SPF_TERMS_MAX + 20] = "v=spf1";
	(void)state;
	for (size_t i = 0; i < SPF_TERMS_MAX; i++)
		memcpy(text + 6 + 2 * i, " a", 3);
	assert_true(parses(text));
	memcpy(text + 6 + 2 * SPF_TERMS_MAX, " a", 3);
	struct arena *arena = arena_new();
	struct spf_record r;
	struct slice where;
	assert_non_null(spf_record_parse(arena, slice_from_str(text), &r, &where));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_record), cmocka_unit_test(a_record_in_full),
		cmocka_unit_test(good_terms),       cmocka_unit_test(bad_terms),
		cmocka_unit_test(too_many_terms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
