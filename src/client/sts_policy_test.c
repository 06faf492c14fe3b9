#include "base/base_testing.h"

#include "client/sts_policy.h"

#define GOOD "version: STSv1\nmode: enforce\nmax_age: 100\nmx: a.test\n"

static void records(void **state)
{
	(void)state;
	static const struct {
		const char *text, *id; /* NULL: not one that can be used */
		bool is;
	} cases[] = {
		{ "v=STSv1; id=20160831085700Z;", "20160831085700Z", true },
		{ "v=STSv1;id=1", "1", true },
		{ "v=STSv1 ; x=y; id=1; id=2; z", "1", true },
		{ "v=STSv1", NULL, true },
		{ "v=STSv1;", NULL, true },
		{ "v=STSv1; id=", NULL, true },
		{ "v=STSv1; id=a b", NULL, true },
		{ "v=STSv1; id=012345678901234567890123456789012", NULL, true },
		{ "v=STSv10; id=1", NULL, false },
		{ "V=stsv1; id=1", NULL, false },
		{ " v=STSv1; id=1", NULL, false },
		{ "", NULL, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = slice_from_str(cases[i].text), id = SLICE_EMPTY;
		assert_int_equal(sts_record_is(text), cases[i].is);
		assert_int_equal(sts_record_parse(text, &id), cases[i].id != NULL);
		assert_true(slice_equal(id, slice_from_str(cases[i].id)));
	}
}

static void policies(void **state)
{
	struct sts_policy p;
	const char *why;
	assert_int_equal(sts_policy_parse(*state,
	                                  SLICE("version: STSv1\r\nmode:testing\r\n"
	                                        "mx: mail.example.com \r\nmx: *.example.net\r\n"
	                                        "x: y\r\nmode: none\r\nmax_age: 604800"),
	                                  &p, &why),
	                 0);
	assert_int_equal(p.mode, STS_MODE_TESTING);
	assert_int_equal(p.max_age_s, 604800);
	assert_int_equal(p.mx_count, 2);
	assert_true(slice_equal(p.mx[0], SLICE("mail.example.com")));
	assert_int_equal(sts_policy_parse(*state, SLICE("version: STSv1\nmode: none\nmax_age: 0\n"),
	                                  &p, &why),
	                 0);
	assert_int_equal(sts_policy_parse(*state,
	                                  SLICE("max_age: 9999999999\nmode: none\n"
	                                        "version: STSv1"),
	                                  &p, &why),
	                 0);
	assert_int_equal(p.max_age_s, STS_MAX_AGE_MAX_S);
}

static void what_is_none(void **state)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE(""), "version is missing" },
		{ SLICE("mode: enforce\nmax_age: 1\nmx: a.test"), "version is missing" },
		{ SLICE("version: STSv2\nmode: enforce\nmax_age: 1\nmx: a.test"),
		  "version is not STSv1" },
		{ SLICE("version: STSv1\nmax_age: 1\nmx: a.test"), "mode is missing" },
		{ SLICE("version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a.test"),
		  "mode is neither none, testing nor enforce" },
		{ SLICE("version: STSv1\nmode: enforce\nmx: a.test"), "max_age is missing" },
		{ SLICE("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1d"),
		  "max_age is no number of seconds" },
		{ SLICE("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1"),
		  "max_age is no number of seconds" },
		{ SLICE("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 12345678901"),
		  "max_age is no number of seconds" },
		{ SLICE("version: STSv1\nmode: enforce\nmax_age: 1"), "there is no mx" },
		{ SLICE("version: STSv1\nmode: enforce\nmax_age: 1\nmx: *"),
		  "mx is neither a name nor a name behind \"*.\"" },
		{ SLICE("version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.*.test"),
		  "mx is neither a name nor a name behind \"*.\"" },
		{ SLICE(GOOD "no field"), "a line is no \"name: value\"" },
		{ SLICE(GOOD "x: \0"), "it is no text" },
		{ SLICE("<!doctype html>\n"), "a line is no \"name: value\"" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sts_policy p;
		const char *why = NULL;
		assert_true(sts_policy_parse(*state, cases[i].text, &p, &why) < 0);
		assert_string_equal(why, cases[i].why);
	}
}

static void limits(void **state)
{
	struct sts_policy p;
	const char *why = "";
	struct slice text = SLICE(GOOD);
	for (int i = 0; i < STS_POLICY_MX_MAX; i++)
		text = arena_concat(*state, (struct slice[]){ text, SLICE("mx: b.test\n") }, 2);
	assert_true(sts_policy_parse(*state, text, &p, &why) < 0);
	assert_string_equal(why, "there are too many mx");
	while (text.len <= STS_POLICY_BYTES_MAX)
		text = arena_concat(*state, (struct slice[]){ text, text }, 2);
	assert_true(sts_policy_parse(*state, text, &p, &why) < 0);
	assert_string_equal(why, "it is too long");
}

static void hosts(void **state)
{
	struct sts_policy p;
	const char *why;
	assert_int_equal(sts_policy_parse(*state, SLICE(GOOD "mx: *.b.test\nmx: Mail.Example.COM"),
	                                  &p, &why),
	                 0);
	assert_true(sts_policy_has_host(&p, "a.test"));
	assert_true(sts_policy_has_host(&p, "mail.example.com"));
	assert_true(sts_policy_has_host(&p, "x.B.test"));
	assert_false(sts_policy_has_host(&p, "b.test"));
	assert_false(sts_policy_has_host(&p, "x.y.b.test"));
	assert_false(sts_policy_has_host(&p, ".b.test"));
	assert_false(sts_policy_has_host(&p, "x.a.test"));
	assert_false(sts_policy_has_host(&p, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records), ARENA_TEST(policies), ARENA_TEST(what_is_none),
		ARENA_TEST(limits),        ARENA_TEST(hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
