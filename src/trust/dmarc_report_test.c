#include "base/base_testing.h"

#include <errno.h>
#include <stdlib.h>

#include "trust/dmarc_report.h"
#include "trust/spf.h"

/* --- reading -------------------------------------------------------------------------- */

#define METADATA                                                                                   \
	"<report_metadata><org_name>Far &amp; Away</org_name><email>x@far.test</email>"            \
	"<report_id>r1</report_id><date_range><begin>302832000</begin><end>302918399</end>"        \
	"</date_range></report_metadata>"
#define POLICY "<policy_published><domain>a.test</domain><p>none</p></policy_published>"
#define RECORD(count, dkim, spf)                                                                   \
	"<record><row><source_ip>192.0.2.1</source_ip><count>" count "</count><policy_evaluated>"  \
	"<disposition>none</disposition><dkim>" dkim "</dkim><spf>" spf "</spf>"                   \
	"</policy_evaluated></row><identifiers><header_from>a.test</header_from></identifiers>"    \
	"<auth_results><spf><domain>a.test</domain><result>pass</result></spf>"                    \
	"<spf><domain>b.test</domain><result>fail</result></spf></auth_results></record>"
#define REPORT(attributes, inside)                                                                 \
	"<?xml version=\"1.0\"?>\n<feedback" attributes ">" inside "</feedback>\n"

static void reading(void **state)
{
	struct report_summary s;
	static const char *const good[] = {
		REPORT(" xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"",
		       METADATA POLICY RECORD("3", "pass", "fail") RECORD("4", "fail", "fail")),
		REPORT("", "<version>1.0</version>" METADATA POLICY
		           "<extension><x:y xmlns:x=\"z\"><record/>x</x:y></extension>" RECORD(
				   "3", "fail", "pass") RECORD(" 4 ", "fail", "FAIL")),
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(dmarc_report_read(*state, slice_from_str(good[i]), &s), 0);
		assert_text(s.organization, "Far & Away");
		assert_text(s.contact, "x@far.test");
		assert_text(s.report_id, "r1");
		assert_text(s.domain, "a.test");
		assert_true(s.begins_ms == 302832000000 && s.ends_ms == 302918399000);
		assert_int_equal(s.successes, 3);
		assert_int_equal(s.failures, 4);
	}
}

/* All that the sample report of RFC 9990 (appendix B) has in it. */
static void sample(void **state)
{
	struct report_summary s;
	json_t *report;
	struct slice xml = SLICE(
		"<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n  <version>1.0</version>\n"
		"  <report_metadata>\n    <org_name>Sample Reporter</org_name>\n"
		"    <email>report_sender@example-reporter.com</email>\n"
		"    <extra_contact_info>...</extra_contact_info>\n"
		"    <generator>a milter</generator>\n    <report_id>3v98abbp8ya9n3va</report_id>\n"
		"    <date_range>\n      <begin>302832000</begin>\n      <end>302918399</end>\n"
		"    </date_range>\n  </report_metadata>\n"
		"  <policy_published>\n    <domain>example.com</domain>\n    <p>quarantine</p>\n"
		"    <sp>none</sp>\n    <np>none</np>\n    <testing>n</testing>\n"
		"    <discovery_method>treewalk</discovery_method>\n  </policy_published>\n"
		"  <record>\n    <row>\n      <source_ip>192.0.2.123</source_ip>\n"
		"      <count>123</count>\n      <policy_evaluated>\n"
		"        <disposition>pass</disposition>\n        <dkim>pass</dkim>\n"
		"        <spf>fail</spf>\n      </policy_evaluated>\n    </row>\n"
		"    <identifiers>\n      <envelope_from>example.com</envelope_from>\n"
		"      <header_from>example.com</header_from>\n    </identifiers>\n"
		"    <auth_results>\n      <dkim>\n        <domain>example.com</domain>\n"
		"        <result>pass</result>\n        <selector>abc123</selector>\n      "
		"</dkim>\n"
		"      <spf>\n        <domain>example.com</domain>\n        <result>fail</result>\n"
		"      </spf>\n    </auth_results>\n  </record>\n</feedback>\n");
	assert_int_equal(dmarc_report_read(*state, xml, &s), 0);
	assert_text(s.organization, "Sample Reporter");
	assert_text(s.contact, "report_sender@example-reporter.com");
	assert_text(s.report_id, "3v98abbp8ya9n3va");
	assert_text(s.domain, "example.com");
	assert_true(s.successes == 123 && s.failures == 0);
	assert_int_equal(dmarc_report_parse(xml, &report), 0);
	const char *generator = NULL, *method = NULL, *selector = NULL;
	assert_int_equal(json_unpack(report, "{s:{s:s}, s:{s:s}, s:[{s:{s:[{s:s}]}}]}",
	                             "report_metadata", "generator", &generator, "policy_published",
	                             "discovery_method", &method, "record", "auth_results", "dkim",
	                             "selector", &selector),
	                 0);
	assert_string_equal(generator, "a milter");
	assert_string_equal(method, "treewalk");
	assert_string_equal(selector, "abc123");
	json_decref(report);
}

static void as_json(void **state)
{
	json_t *report;
	(void)state;
	assert_int_equal(
		dmarc_report_parse(SLICE(REPORT("", METADATA POLICY RECORD("3", "pass", "fail"))),
	                           &report),
		0);
	const json_t *record = json_array_get(json_object_get(report, "record"), 0);
	const json_t *results = json_object_get(record, "auth_results");
	assert_int_equal(json_array_size(json_object_get(results, "spf")), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(results, "spf"), 1), "domain")),
	                    "b.test");
	json_decref(report);
}

static void what_is_none(void **state)
{
	struct report_summary s;
	static const char *const bad[] = {
		"",
		"{}",
		"<feedback/>",
		REPORT("", METADATA POLICY),
		REPORT("", METADATA RECORD("1", "pass", "pass")),
		REPORT("", POLICY RECORD("1", "pass", "pass")),
		"<feedback>" METADATA POLICY RECORD("1", "pass", "pass"),
		"<!DOCTYPE feedback [<!ENTITY a \"x\">]>" REPORT(
			"", METADATA POLICY RECORD("1", "pass", "pass")),
		"<other>" METADATA POLICY RECORD("1", "pass", "pass") "</other>",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmarc_report_read(*state, slice_from_str(bad[i]), &s), -EINVAL);
}

static void too_much(void **state)
{
	struct report_summary s;
	struct buf xml = buf_make(SIZE_MAX);
	buf_append(&xml, SLICE("<feedback>" METADATA POLICY));
	for (int i = 0; i <= DMARC_REPORT_RECORDS_MAX; i++)
		buf_append(&xml, SLICE("<record><row><count>1</count></row></record>"));
	buf_append(&xml, SLICE("</feedback>"));
	assert_int_equal(dmarc_report_read(*state, buf_slice(&xml), &s), -EINVAL);
	buf_clear(&xml);
	for (int i = 0; i < 100000; i++)
		buf_append(&xml, SLICE("<feedback>"));
	assert_int_equal(dmarc_report_read(*state, buf_slice(&xml), &s), -EINVAL);
	buf_free(&xml);
}

/* --- writing -------------------------------------------------------------------------- */

static void round_trip(void **state)
{
	json_t *report, *again;
	struct slice xml = SLICE(REPORT("", METADATA POLICY RECORD("3", "pass", "fail")
	                                            RECORD("4", "fail", "fail")));
	assert_int_equal(dmarc_report_parse(xml, &report), 0);
	struct slice written = dmarc_report_write(*state, report);
	assert_int_equal(dmarc_report_parse(written, &again), 0);
	assert_true(json_equal(report, again));
	assert_true(slice_find(written, SLICE("Far &amp; Away")) > 0);
	assert_true(slice_find(written, SLICE("xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"")) > 0);
	json_decref(report);
	json_decref(again);
}

/* --- what is counted ------------------------------------------------------------------ */

static struct trust_dmarc_finding finding_of(const char *record)
{
	struct trust_dmarc_finding f = { .author = SLICE("sub.a.test"),
		                         .policy_domain = SLICE("a.test") };
	assert_true(dmarc_record_parse(slice_from_str(record), &f.record));
	return f;
}

static const char *evaluated(struct arena *arena, const struct dmarc_seen *seen)
{
	struct slice text = dmarc_report_record(arena, seen);
	json_t *record = json_loadb(text.data, text.len, 0, NULL);
	char *e = json_dumps(json_object_get(json_object_get(record, "row"), "policy_evaluated"),
	                     JSON_COMPACT | JSON_SORT_KEYS);
	const char *out = arena_str(arena, slice_from_str(e));
	free(e);
	json_decref(record);
	return out;
}

static void counted(void **state)
{
	struct net_address client;
	assert_int_equal(net_address_parse(SLICE("192.0.2.1"), 25, &client), 0);
	struct trust_dmarc_finding f = finding_of("v=DMARC1; p=reject; np=none; rua=mailto:a@b");
	struct spf_answer spf = { .result = TRUST_SOFTFAIL };
	struct dmarc_seen seen = { .finding = &f, .spf = &spf, .client = &client };
	seen.spf_domain = SLICE("b.test");
	assert_text(dmarc_report_policy(*state, &f),
	            "{\"adkim\":\"r\",\"aspf\":\"r\",\"discovery_method\":\"treewalk\","
	            "\"domain\":\"a.test\",\"np\":\"none\",\"p\":\"reject\",\"sp\":\"reject\","
	            "\"testing\":\"n\"}");
	f.dkim_aligned = true;
	assert_text(
		dmarc_report_record(*state, &seen),
		"{\"auth_results\":{\"dkim\":[],\"spf\":[{\"domain\":\"b.test\","
		"\"result\":\"softfail\",\"scope\":\"mfrom\"}]},\"identifiers\":"
		"{\"envelope_from\":\"b.test\",\"header_from\":\"sub.a.test\"},\"row\":"
		"{\"policy_evaluated\":{\"disposition\":\"pass\",\"dkim\":\"pass\",\"reason\":[],"
		"\"spf\":\"fail\"},\"source_ip\":\"192.0.2.1\"}}");
}

#define EVALUATED(disposition, reason)                                                             \
	"{\"disposition\":\"" disposition "\",\"dkim\":\"fail\",\"reason\":[" reason               \
	"],\"spf\":\"fail\"}"

static void why_less_was_done(void **state)
{
	struct net_address client;
	assert_int_equal(net_address_parse(SLICE("2001:db8::1"), 25, &client), 0);
	struct trust_dmarc_finding f = finding_of("v=DMARC1; p=reject; rua=mailto:a@b");
	struct dmarc_seen seen = { .finding = &f, .client = &client, .spf_domain = SLICE_EMPTY };
	f.published = f.wanted = seen.done = DMARC_REJECT;
	assert_string_equal(evaluated(*state, &seen), EVALUATED("reject", ""));
	seen.done = DMARC_QUARANTINE;
	assert_string_equal(
		evaluated(*state, &seen),
		EVALUATED("quarantine", "{\"comment\":\"\",\"type\":\"local_policy\"}"));
	f.wanted = DMARC_QUARANTINE;
	assert_string_equal(
		evaluated(*state, &seen),
		EVALUATED("quarantine", "{\"comment\":\"left out by pct=\",\"type\":\"other\"}"));
	f.record.testing = true;
	assert_string_equal(
		evaluated(*state, &seen),
		EVALUATED("quarantine", "{\"comment\":\"t=y\",\"type\":\"policy_test_mode\"}"));
	f.forwarded = true;
	f.wanted = seen.done = DMARC_NONE;
	assert_string_equal(
		evaluated(*state, &seen),
		EVALUATED("none", "{\"comment\":\"arc=pass\",\"type\":\"trusted_forwarder\"}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(reading),  ARENA_TEST(sample),
		ARENA_TEST(as_json),  ARENA_TEST(what_is_none),
		ARENA_TEST(too_much), ARENA_TEST(round_trip),
		ARENA_TEST(counted),  ARENA_TEST(why_less_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
