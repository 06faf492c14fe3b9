#include "base/base_testing.h"

#include <errno.h>

#include "client/tlsrpt.h"

static void records(void **state)
{
	struct slice uris[TLSRPT_URIS_MAX], address;
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{ "v=TLSRPTv1;rua=mailto:reports@example.com", 1 },
		{ "v=TLSRPTv1; rua=https://a.test/v1/tlsrpt , mailto:a@b.test;x=y", 2 },
		{ "v=TLSRPTv1; x=y; rua=mailto:a@b,mailto:a@b,mailto:a@b,mailto:a@b,mailto:a@b,"
		  "mailto:a@b",
		  TLSRPT_URIS_MAX },
		{ "v=TLSRPTv1; rua=http://a.test/", 0 },
		{ "v=TLSRPTv1; rua=mailto:", 0 },
		{ "v=TLSRPTv1; rua=mailto:a b@c.test", 0 },
		{ "v=TLSRPTv1", 0 },
		{ "v=TLSRPTv2; rua=mailto:a@b.test", 0 },
		{ "v=TLSRPTv10; rua=mailto:a@b.test", 0 },
		{ "", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(tlsrpt_record_parse(slice_from_str(cases[i].text), uris),
		                 cases[i].count);
	assert_true(tlsrpt_mail_address(*state, SLICE("mailto:a%2Bb@c.test?subject=x"), &address));
	assert_true(slice_equal(address, SLICE("a+b@c.test")));
	assert_false(tlsrpt_mail_address(*state, SLICE("mailto:a%0d@c.test"), &address));
	assert_false(tlsrpt_mail_address(*state, SLICE("mailto:a%2"), &address));
	assert_false(tlsrpt_mail_address(*state, SLICE("mailto:?x"), &address));
	assert_false(tlsrpt_mail_address(*state, SLICE("https://a.test"), &address));
}

#define HEAD                                                                                       \
	"{\"organization-name\":\"Far\\u001b[1m\",\"contact-info\":\"x@far.test\","                \
	"\"report-id\":\"r1\",\"date-range\":{\"start-datetime\":\"2016-04-01T00:00:00Z\","        \
	"\"end-datetime\":\"2016-04-01T23:59:59Z\"},\"policies\":"

static void reading(void **state)
{
	struct report_summary s;
	struct slice good = SLICE(
		HEAD "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"a.test\"},"
		     "\"summary\":{\"total-successful-session-count\":5326,"
		     "\"total-failure-session-count\":303}},"
		     "{\"policy\":{},\"summary\":{\"total-failure-session-count\":-7}}]}");
	assert_int_equal(tlsrpt_read(*state, good, &s), 0);
	assert_true(slice_equal(s.organization, SLICE("Far?[1m")));
	assert_true(slice_equal(s.domain, SLICE("a.test")));
	assert_int_equal(s.begins_ms, 1459468800000);
	assert_int_equal(s.ends_ms, 1459555199000);
	assert_true(s.successes == 5326 && s.failures == 303);
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"report-id\":\"x\"}",
		HEAD "7}",
		HEAD "[7]}",
		HEAD "[{\"policy\":[],\"summary\":{}}]}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tlsrpt_read(*state, slice_from_str(bad[i]), &s), -EINVAL);
}

static void failures(void **state)
{
	const struct tlsrpt_failure failure = { .type = tlsrpt_type_of_tls(TLS_EXPIRED),
		                                .mx_host = "mx.test",
		                                .sending_ip = "",
		                                .reason = SLICE("bad \xff\n") };
	struct slice text = tlsrpt_failure_text(*state, &failure);
	assert_true(slice_equal(text, SLICE("{\"failure-reason-code\":\"bad ??\","
	                                    "\"receiving-mx-hostname\":\"mx.test\","
	                                    "\"result-type\":\"certificate-expired\"}")));
	assert_null(tlsrpt_type_of_tls(TLS_FINE));
	assert_null(tlsrpt_type_of_sts(STS_FINE));
	assert_string_equal(tlsrpt_type_of_sts(STS_UNTRUSTED), "sts-webpki-invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(records),
		ARENA_TEST(reading),
		ARENA_TEST(failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
