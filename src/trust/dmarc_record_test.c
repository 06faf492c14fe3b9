/* RFC 9989 section 4.7 and appendix B. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust/dmarc_record.h"

static bool reads(const char *text, struct dmarc_record *r)
{
	return dmarc_record_parse(slice_from_str(text), r);
}

static void examples(void **state)
{
	struct dmarc_record r;
	(void)state;
	assert_true(reads("v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", &r));
	assert_int_equal(r.domain, DMARC_NONE);
	assert_int_equal(r.percent, 100);
	assert_int_equal(r.psd, 'u');
	assert_true(reads("v=DMARC1; p=quarantine; rua=mailto:x@example.com,mailto:y@example.net; "
	                  "t=y",
	                  &r));
	assert_int_equal(r.domain, DMARC_QUARANTINE);
	assert_int_equal(r.missing, DMARC_QUARANTINE);
	assert_true(r.testing);
	assert_true(
		reads("v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=S; psd=n", &r));
	assert_int_equal(r.domain, DMARC_REJECT);
	assert_int_equal(r.subdomain, DMARC_QUARANTINE);
	assert_int_equal(r.missing, DMARC_NONE);
	assert_true(r.strict_dkim && r.strict_spf);
	assert_int_equal(r.psd, 'n');
}

static void defaults(void **state)
{
	struct dmarc_record r;
	(void)state;
	assert_true(reads("v=DMARC1;p=reject", &r));
	assert_int_equal(r.subdomain, DMARC_REJECT);
	assert_int_equal(r.missing, DMARC_REJECT);
	assert_false(r.strict_dkim || r.strict_spf || r.testing);
	assert_true(reads("v=DMARC1; p=reject; sp=none", &r));
	assert_int_equal(r.missing, DMARC_NONE);
}

/* What the world writes. */
static void leniently(void **state)
{
	struct dmarc_record r;
	(void)state;
	assert_true(
		reads("v = DMARC1 ;p= Reject ; ; x; =; foo=bar; adkim=x; pct=200; p=none;", &r));
	assert_int_equal(r.domain, DMARC_REJECT);
	assert_int_equal(r.percent, 100);
	assert_false(r.strict_dkim);
	assert_true(reads("v=DMARC1; p=reject; pct=20", &r));
	assert_int_equal(r.percent, 20);
	assert_true(reads("v=DMARC1; p=reject; pct=20; t=n", &r));
	assert_int_equal(r.percent, 100);
	assert_true(reads("v=DMARC1; p=rejct; rua=mailto:x@example.com", &r));
	assert_int_equal(r.domain, DMARC_NONE);
	assert_true(reads("v=DMARC1; p=reject; sp=rejct; rua=mailto:x@example.com", &r));
	assert_int_equal(r.domain, DMARC_NONE);
}

static void no_records(void **state)
{
	static const char *const bad[] = { "", "v=dmarc1; p=reject", "v=DMARC12; p=reject",
		                           "p=reject; v=DMARC1", "v=spf1 -all" };
	struct dmarc_record r;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(reads(bad[i], &r));
}

/* Records, but they ask for nothing. */
static void silent(void **state)
{
	static const char *const texts[] = { "v=DMARC1", "v=DMARC1; p=rejct",
		                             "v=DMARC1; rua=nowhere", "v=DMARC1; psd=n; sp=x" };
	struct dmarc_record r;
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(reads(texts[i], &r));
		assert_true(r.silent && r.missing == DMARC_NONE);
	}
	assert_int_equal(r.psd, 'n');
	assert_true(reads("v=DMARC1; rua=mailto:a@b.test", &r) && !r.silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),  cmocka_unit_test(defaults),
		cmocka_unit_test(leniently), cmocka_unit_test(no_records),
		cmocka_unit_test(silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
