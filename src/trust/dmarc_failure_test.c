#include "base/base_testing.h"

#include <errno.h>
#include <stdlib.h>

#include "trust/dmarc_failure.h"
#include "trust/spf.h"

#define MESSAGE                                                                                    \
	"Received: from c.test by mx.a.test\r\n\tfor <\"al ice\"@a.test>; Sun, 1 Mar 2026\r\n"     \
	"DKIM-Signature: v=1; d=bad.test; i=ann@bad.test; b=YWJj\r\n"                              \
	"From: Ann <ann.b@bad.test>\r\nTo: alice@a.test\r\nSubject: secret\r\n"                    \
	"Message-ID: <1@bad.test>\r\nList-Id: x\r\n\r\nHello.\r\n"

struct fixture {
	struct arena *arena;
	struct dkim_verdict signature;
	struct dkim_check dkim;
	struct trust_results results;
	struct trust_dmarc_finding finding;
	struct trust_question question;
	struct net_address client;
	struct address sender;
	struct spf_answer spf;
	struct dmarc_failure failure;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	f->signature.result = TRUST_FAIL;
	f->signature.reason = "the body was changed";
	f->signature.signature.domain = SLICE("bad.test");
	f->signature.signature.selector = SLICE("s1");
	f->signature.signature.identity = SLICE("ann@bad.test");
	f->dkim = (struct dkim_check){ .verdicts = &f->signature, .count = 1 };
	f->results = (struct trust_results){ .authserv_id = SLICE("mx.a.test"), .dkim = &f->dkim };
	assert_true(dmarc_record_parse(SLICE("v=DMARC1; p=reject; ruf=mailto:x@bad.test"),
	                               &f->finding.record));
	f->finding.author = f->finding.policy_domain = SLICE("bad.test");
	assert_int_equal(net_address_parse(SLICE("192.0.2.7"), 25, &f->client), 0);
	f->sender = (struct address){ .local = SLICE("bob"), .domain = SLICE("bad.test") };
	f->question = (struct trust_question){ .client = &f->client,
		                               .sender = &f->sender,
		                               .message = SLICE(MESSAGE) };
	f->spf = (struct spf_answer){ .result = TRUST_FAIL, .record = SLICE("v=spf1 \"-all") };
	f->failure = (struct dmarc_failure){ .finding = &f->finding,
		                             .results = &f->results,
		                             .question = &f->question,
		                             .spf = &f->spf,
		                             .spf_domain = SLICE("bad.test"),
		                             .done = DMARC_REJECT,
		                             .at_s = 1772359200,
		                             .redact = true };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(f->arena);
	free(f);
	return 0;
}

static bool has(struct slice text, const char *part)
{
	return slice_find(text, slice_from_str(part)) >= 0;
}

static void wanted(void **state)
{
	struct fixture *f = *state;
	assert_true(dmarc_failure_is_wanted(&f->failure));
	f->finding.spf_aligned = true;
	assert_false(dmarc_failure_is_wanted(&f->failure));
	assert_true(dmarc_record_parse(SLICE("v=DMARC1; p=none; ruf=mailto:x@bad.test; fo=d : 1"),
	                               &f->finding.record));
	assert_true(dmarc_failure_is_wanted(&f->failure));
	f->finding.record.psd = 'y';
	assert_false(dmarc_failure_is_wanted(&f->failure));
	f->finding.record.psd = 'u';
	f->question.message = SLICE("Content-Type: multipart/report; boundary=x\r\n\r\n");
	assert_false(dmarc_failure_is_wanted(&f->failure));
	f->question.message = SLICE(MESSAGE);
	f->finding.record.ruf = SLICE_EMPTY;
	assert_false(dmarc_failure_is_wanted(&f->failure));
}

static void fields(void **state)
{
	struct fixture *f = *state;
	struct slice text = dmarc_failure_fields(f->arena, &f->failure);
	assert_true(slice_starts_with(text, SLICE("Feedback-Type: auth-failure\r\n")));
	assert_true(has(text, "\r\nAuth-Failure: dmarc\r\nReported-Domain: bad.test\r\n"
	                      "Source-IP: 192.0.2.7\r\n"));
	assert_true(has(text, "\r\nOriginal-Mail-From: <redacted@bad.test>\r\n"
	                      "Delivery-Result: reject\r\nIdentity-Alignment: dkim, spf\r\n"
	                      "DKIM-Domain: bad.test\r\nDKIM-Identity: @bad.test\r\n"
	                      "DKIM-Selector: s1\r\nSPF-DNS: txt : bad.test : \"v=spf1  -all\"\r\n"
	                      "Authentication-Results: mx.a.test; none\r\n"));
	f->failure.redact = false;
	f->finding.dkim_aligned = true;
	text = dmarc_failure_fields(f->arena, &f->failure);
	assert_true(has(text, "Original-Mail-From: <bob@bad.test>\r\n"));
	assert_true(has(text, "Identity-Alignment: spf\r\nSPF-DNS"));
}

static void headers(void **state)
{
	struct fixture *f = *state;
	struct slice text = dmarc_failure_header(f->arena, &f->failure);
	assert_true(slice_equal(
		text, SLICE("Received: from c.test by mx.a.test\r\n\tfor <redacted@a.test>; Sun, 1 "
	                    "Mar 2026\r\n"
	                    "DKIM-Signature: v=1; d=bad.test; redacted@bad.test; b=YWJj\r\n"
	                    "From: Ann <redacted@bad.test>\r\nMessage-ID: <1@bad.test>\r\n"
	                    "List-Id: x\r\n")));
	f->failure.redact = false;
	text = dmarc_failure_header(f->arena, &f->failure);
	assert_true(slice_starts_with(SLICE(MESSAGE), text) && has(text, "alice@a.test"));
	assert_false(has(text, "Hello"));
}

/* The same failure has one path; another host, another. */
static void paths(void **state)
{
	struct fixture *f = *state;
	struct slice one = dmarc_failure_path(f->arena, &f->failure);
	f->question.message = SLICE("From: x@bad.test\r\n\r\n");
	assert_true(slice_equal(one, dmarc_failure_path(f->arena, &f->failure)));
	assert_int_equal(net_address_parse(SLICE("192.0.2.8"), 25, &f->client), 0);
	assert_false(slice_equal(one, dmarc_failure_path(f->arena, &f->failure)));
}

/* What we write we can read. */
static void reading(void **state)
{
	struct fixture *f = *state;
	struct report_summary s;
	struct slice text = dmarc_failure_fields(f->arena, &f->failure);
	assert_int_equal(dmarc_failure_read(f->arena, text, &s), 0);
	assert_true(slice_equal(s.domain, SLICE("bad.test")) && s.failures == 1);
	assert_true(s.begins_ms == 1772359200000 && s.report_id.len == 16);
	assert_true(slice_starts_with(s.organization, SLICE("Veredus/")));
	json_t *json = dmarc_failure_json(text);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(json, "fields"), 0), "value")),
	                    "auth-failure");
	json_decref(json);
	assert_int_equal(dmarc_failure_read(f->arena, SLICE("Feedback-Type: abuse\r\n"), &s),
	                 -EINVAL);
	assert_int_equal(dmarc_failure_read(f->arena, SLICE_EMPTY, &s), -EINVAL);
	assert_int_equal(dmarc_failure_read(f->arena,
	                                    SLICE("feedback-type: AUTH-FAILURE\nIncidents: 12\n"
	                                          "Reporting-MTA: dns; x\x1b\n"),
	                                    &s),
	                 0);
	assert_true(s.failures == 12 && slice_equal(s.organization, SLICE("dns; x?")));
}

/* The fields of the example report of RFC 9991 (appendix A). */
static void sample(void **state)
{
	struct fixture *f = *state;
	struct report_summary s;
	struct slice text = SLICE("Feedback-Type: auth-failure\r\nVersion: 1\r\n"
	                          "User-Agent: DMARC-Filter/1.2.3\r\nAuth-Failure: dmarc\r\n"
	                          "Authentication-Results: gen.example;\r\n"
	                          "  dmarc=fail header.from=consumer.example\r\n"
	                          "Identity-Alignment: dkim\r\nDKIM-Domain: consumer.example\r\n"
	                          "DKIM-Identity: @consumer.example\r\nDKIM-Selector: epsilon\r\n"
	                          "Original-Envelope-Id: 65E1A3F0A0\r\n"
	                          "Original-Mail-From: author=gen.example@forwarder.example\r\n"
	                          "Source-IP: 192.0.2.2\r\nSource-Port: 12345\r\n"
	                          "Reported-Domain: consumer.example\r\n");
	assert_int_equal(dmarc_failure_read(f->arena, text, &s), 0);
	assert_true(slice_equal(s.domain, SLICE("consumer.example")) && s.failures == 1);
	assert_true(slice_equal(s.organization, SLICE("DMARC-Filter/1.2.3")));
	json_t *json = dmarc_failure_json(text), *fields;
	assert_int_equal(json_unpack(json, "{s:o}", "fields", &fields), 0);
	assert_int_equal(json_array_size(fields), 14);
	assert_string_equal(json_string_value(json_object_get(json_array_get(fields, 4), "value")),
	                    "gen.example;  dmarc=fail header.from=consumer.example");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(fields, setup, teardown),
		cmocka_unit_test_setup_teardown(headers, setup, teardown),
		cmocka_unit_test_setup_teardown(paths, setup, teardown),
		cmocka_unit_test_setup_teardown(reading, setup, teardown),
		cmocka_unit_test_setup_teardown(sample, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
