#include "base/base_testing.h"

#include "smtp/smtp_parse.h"

static void test_line(void **state)
{
	(void)state;
	struct smtp_line line;
	assert_true(smtp_parse_line(SLICE("NOOP"), &line));
	assert_text(line.verb, "NOOP");
	assert_int_equal(line.argument.len, 0);
	assert_true(smtp_parse_line(SLICE("  mail  FROM:<a@b>  "), &line));
	assert_text(line.verb, "mail");
	assert_text(line.argument, "FROM:<a@b>");
	assert_true(smtp_parse_line(SLICE(""), &line));
	assert_int_equal(line.verb.len, 0);
	assert_true(smtp_parse_line(SLICE("NOOP \xC3\xA9"), &line));
	assert_false(smtp_parse_line(slice_of("NO\0OP", 5), &line));
	assert_false(smtp_parse_line(SLICE("NOOP\rRSET"), &line));
	assert_false(smtp_parse_line(SLICE("NOOP \x7F"), &line));
}

static const struct {
	const char *argument;
	enum smtp_parsed parsed;
	const char *path;
	uint64_t size_bytes;
	bool body_8bit;
} mails[] = {
	{ "FROM:<alice@example.test>", SMTP_PARSED, "<alice@example.test>", 0, false },
	{ "from:<>", SMTP_PARSED, "<>", 0, false },
	{ "FROM: <a@b>", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> SIZE=100 BODY=8BITMIME", SMTP_PARSED, "<a@b>", 100, true },
	{ "FROM:<a@b> body=7bit size=0", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> AUTH=<>", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> AUTH", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> AUTH=e+3Dmc2@example.com", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> AUTH=e+3Dmc2@example.test SIZE=18446744073709551615", SMTP_PARSED, "<a@b>",
	  UINT64_MAX, false },
	{ "FROM:<@r.test,@s.test:a@b>", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<\"a b\"@c> SIZE=7", SMTP_PARSED, "<\"a b\"@c>", 7, false },
	{ "FROM:<a@b> SIZE=18446744073709551616", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> SIZE", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> SIZE=", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> SIZE=-1", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> SIZE=1 SIZE=2", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BODY=BINARY", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BODY", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> AUTH", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> REQUIRETLS", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> REQUIRETLS=1", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=600;R", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> BY=-999999999;nt", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> BY=+1;RT", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> BY=0;R", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=-1;R", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=1234567890;N", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=1;NX", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=1;", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> BY=1", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> HOLDFOR=0", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> HOLDUNTIL=2026-12-24T18:00:00+01:00", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> HOLDFOR=1234567890", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> HOLDUNTIL=2026-12-24", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> HOLDFOR=1 HOLDUNTIL=2026-12-24T18:00:00Z", SMTP_PARSED_PARAMETER, NULL, 0,
	  false },
	{ "FROM:<a@b> MT-PRIORITY=-9 SOLICIT=net.example:ADV", SMTP_PARSED, "<a@b>", 0, false },
	{ "FROM:<a@b> MT-PRIORITY=-10", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> MT-PRIORITY=", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> SOLICIT=a b", SMTP_PARSED_UNKNOWN, NULL, 0, false },
	{ "FROM:<a@b> SOLICIT=a,", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> =x", SMTP_PARSED_PARAMETER, NULL, 0, false },
	{ "FROM:<a@b> RETURN=FULL", SMTP_PARSED_UNKNOWN, NULL, 0, false },
	{ "FROM:<a@b> SMTPUTF9", SMTP_PARSED_UNKNOWN, NULL, 0, false },
	{ "FROM:<a@b>SIZE=1", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM:a@b", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM:<a@b", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM:<a>", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM:<a@b@c>", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM:", SMTP_PARSED_ADDRESS, NULL, 0, false },
	{ "FROM <a@b>", SMTP_PARSED_SYNTAX, NULL, 0, false },
	{ "TO:<a@b>", SMTP_PARSED_SYNTAX, NULL, 0, false },
	{ "", SMTP_PARSED_SYNTAX, NULL, 0, false },
};

static void test_mail(void **state)
{
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct smtp_mail_command mail;
		enum smtp_parsed parsed = smtp_parse_mail(*state, slice_from_str(mails[i].argument),
		                                          0, &mail);
		if (parsed != mails[i].parsed)
			fail_msg("%s: %d, want %d", mails[i].argument, parsed, mails[i].parsed);
		if (parsed != SMTP_PARSED)
			continue;
		assert_text(address_path(*state, &mail.sender), mails[i].path);
		assert_true(mail.size_bytes == mails[i].size_bytes);
		assert_int_equal(mail.body_8bit, mails[i].body_8bit);
	}
}

static const struct {
	const char *argument;
	enum smtp_parsed parsed;
	const char *path;
} rcpts[] = {
	{ "TO:<bob@example.test>", SMTP_PARSED, "<bob@example.test>" },
	{ "to: <postmaster>", SMTP_PARSED, "<postmaster>" },
	{ "TO:<Postmaster@example.test>", SMTP_PARSED, "<Postmaster@example.test>" },
	{ "TO:<bob@[192.0.2.1]>", SMTP_PARSED, "<bob@[192.0.2.1]>" },
	{ "TO:<>", SMTP_PARSED_ADDRESS, NULL },
	{ "TO:<bob>", SMTP_PARSED_ADDRESS, NULL },
	{ "TO:<bob@example.test> NOTIFY=NEVER", SMTP_PARSED, "<bob@example.test>" },
	{ "TO:<bob@example.test> SIZE=1", SMTP_PARSED_UNKNOWN, NULL },
	{ "FROM:<bob@example.test>", SMTP_PARSED_SYNTAX, NULL },
};

static void test_rcpt(void **state)
{
	for (size_t i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++) {
		struct smtp_rcpt_command rcpt;
		enum smtp_parsed parsed = smtp_parse_rcpt(*state, slice_from_str(rcpts[i].argument),
		                                          0, &rcpt);
		if (parsed != rcpts[i].parsed)
			fail_msg("%s: %d, want %d", rcpts[i].argument, parsed, rcpts[i].parsed);
		if (parsed == SMTP_PARSED)
			assert_text(address_path(*state, &rcpt.recipient), rcpts[i].path);
	}
}

/* RFC 3461, section 4. */
static const struct {
	const char *parameters;
	enum smtp_parsed parsed;
	unsigned notify;
	const char *orcpt;
} notices[] = {
	{ "NOTIFY=never", SMTP_PARSED, NOTIFY_NEVER, "" },
	{ "NOTIFY=SUCCESS,delay", SMTP_PARSED, NOTIFY_SUCCESS | NOTIFY_DELAY, "" },
	{ "NOTIFY=FAILURE ORCPT=rfc822;a+2Bb@c.test", SMTP_PARSED, NOTIFY_FAILURE,
	  "rfc822;a+2Bb@c.test" },
	{ "NOTIFY=", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "NOTIFY", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "NOTIFY=SUCCESS,", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "NOTIFY=,SUCCESS", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "NOTIFY=NEVER,SUCCESS", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "NOTIFY=SUCCESS NOTIFY=DELAY", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=;a@b.test", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;a+2", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;a+2b", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;a+0Ab", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;a+C3+A4b", SMTP_PARSED, 0, "rfc822;a+C3+A4b" },
	{ "ORCPT=utf-8;a\\x{E4}b", SMTP_PARSED, 0, "utf-8;a\\x{E4}b" },
	{ "ORCPT=utf-8;a+E4b", SMTP_PARSED_PARAMETER, 0, NULL },
	{ "ORCPT=rfc822;a+7Fb", SMTP_PARSED_PARAMETER, 0, NULL },
};

static void test_notify(void **state)
{
	for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
		struct smtp_rcpt_command rcpt;
		const char *line = arena_printf(*state, "TO:<b@c.test> %s", notices[i].parameters);
		enum smtp_parsed parsed = smtp_parse_rcpt(*state, slice_from_str(line), 0, &rcpt);
		if (parsed != notices[i].parsed)
			fail_msg("%s: %d, want %d", line, parsed, notices[i].parsed);
		if (parsed != SMTP_PARSED)
			continue;
		assert_int_equal(rcpt.notify, notices[i].notify);
		assert_text(rcpt.orcpt, notices[i].orcpt);
	}
}

static void test_ret_and_envid(void **state)
{
	struct smtp_mail_command mail;
	char line[200] = "FROM:<a@b.test> ENVID=";
	size_t at = strlen(line);
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<> RET=HDRS ENVID=a+3Db"), 0, &mail),
	                 SMTP_PARSED);
	assert_int_equal(mail.ret, 'H');
	assert_text(mail.envid, "a+3Db");
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<> ret=full"), 0, &mail), SMTP_PARSED);
	assert_int_equal(mail.ret, 'F');
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<> RET=SOME"), 0, &mail),
	                 SMTP_PARSED_PARAMETER);
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<> ENVID"), 0, &mail),
	                 SMTP_PARSED_PARAMETER);
	memset(line + at, 'x', 101);
	assert_int_equal(smtp_parse_mail(*state, slice_of(line, at + 101), 0, &mail),
	                 SMTP_PARSED_PARAMETER);
	assert_int_equal(smtp_parse_mail(*state, slice_of(line, at + 100), 0, &mail), SMTP_PARSED);
}

static void test_hello(void **state)
{
	(void)state;
	struct slice host;
	char longest[ADDRESS_DOMAIN_MAX + 1];
	memset(longest, 'a', sizeof(longest));
	assert_true(smtp_parse_hello(SLICE("mx.example.test"), &host));
	assert_true(smtp_parse_hello(SLICE("[IPv6:2001:db8::1]"), &host));
	assert_true(smtp_parse_hello(SLICE("my_pc"), &host));
	assert_text(host, "my_pc");
	assert_true(smtp_parse_hello(slice_of(longest, ADDRESS_DOMAIN_MAX), &host));
	assert_false(smtp_parse_hello(slice_of(longest, ADDRESS_DOMAIN_MAX + 1), &host));
	assert_false(smtp_parse_hello(SLICE(""), &host));
	assert_false(smtp_parse_hello(SLICE("two words"), &host));
	assert_false(smtp_parse_hello(SLICE("caf\xC3\xA9"), &host));
	assert_true(smtp_hello_is_valid(SLICE("mx.example.test")));
	assert_true(smtp_hello_is_valid(SLICE("[192.0.2.1]")));
	assert_false(smtp_hello_is_valid(SLICE("[zz]")));
	assert_false(smtp_hello_is_valid(SLICE(".")));
	assert_false(smtp_hello_is_valid(SLICE("my(pc")));
}

static void test_auth(void **state)
{
	(void)state;
	struct smtp_auth_command auth;
	assert_true(smtp_parse_auth(SLICE("PLAIN"), &auth));
	assert_text(auth.mechanism, "PLAIN");
	assert_false(auth.has_initial);
	assert_true(smtp_parse_auth(SLICE("SCRAM-SHA-256 bixhPQ=="), &auth));
	assert_text(auth.mechanism, "SCRAM-SHA-256");
	assert_true(auth.has_initial);
	assert_text(auth.initial, "bixhPQ==");
	assert_true(smtp_parse_auth(SLICE("EXTERNAL ="), &auth));
	assert_text(auth.initial, "=");
	assert_false(smtp_parse_auth(SLICE("PLAIN a b"), &auth));
	assert_false(smtp_parse_auth(SLICE("PL@IN"), &auth));
	assert_false(smtp_parse_auth(SLICE("ABCDEFGHIJKLMNOPQRSTU"), &auth));
	assert_false(smtp_parse_auth(SLICE(""), &auth));
}

static void test_vrfy(void **state)
{
	struct smtp_vrfy_command vrfy;
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("<bob@example.test>"), &vrfy), SMTP_PARSED);
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("bob@example.test"), &vrfy), SMTP_PARSED);
	assert_text(vrfy.address.domain, "example.test");
	assert_false(vrfy.smtputf8);
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("bob"), &vrfy), SMTP_PARSED);
	assert_int_equal(vrfy.address.domain.len, 0);
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("\xC3\xBC smtputf8"), &vrfy), SMTP_PARSED);
	assert_true(vrfy.address.is_utf8);
	assert_true(vrfy.smtputf8);
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("bob@"), &vrfy), SMTP_PARSED_ADDRESS);
	assert_int_equal(smtp_parse_vrfy(*state, SLICE("bob smith"), &vrfy), SMTP_PARSED_UNKNOWN);
}

static void test_bdat(void **state)
{
	(void)state;
	struct smtp_bdat_command bdat;
	assert_true(smtp_parse_bdat(SLICE("86"), &bdat));
	assert_int_equal(bdat.size_bytes, 86);
	assert_false(bdat.last);
	assert_true(smtp_parse_bdat(SLICE("0  last"), &bdat));
	assert_int_equal(bdat.size_bytes, 0);
	assert_true(bdat.last);
	assert_true(smtp_parse_bdat(SLICE("18446744073709551615"), &bdat));
	assert_false(smtp_parse_bdat(SLICE("18446744073709551616"), &bdat));
	assert_false(smtp_parse_bdat(SLICE(""), &bdat));
	assert_false(smtp_parse_bdat(SLICE("-1"), &bdat));
	assert_false(smtp_parse_bdat(SLICE("LAST"), &bdat));
	assert_false(smtp_parse_bdat(SLICE("1 LAST 2"), &bdat));
}

static void test_etrn(void **state)
{
	struct smtp_etrn_command etrn;
	assert_true(smtp_parse_etrn(*state, SLICE("Example.TEST"), &etrn));
	assert_int_equal(etrn.kind, SMTP_ETRN_NODE);
	assert_text(etrn.name, "example.test");
	assert_true(smtp_parse_etrn(*state,
	                            SLICE("@b\xC3\xBC"
	                                  "cher.test"),
	                            &etrn));
	assert_int_equal(etrn.kind, SMTP_ETRN_SUBDOMAINS);
	assert_text(etrn.name, "xn--bcher-kva.test");
	assert_true(smtp_parse_etrn(*state, SLICE("#uucp"), &etrn));
	assert_int_equal(etrn.kind, SMTP_ETRN_QUEUE);
	assert_false(smtp_parse_etrn(*state, SLICE("#"), &etrn));
	assert_false(smtp_parse_etrn(*state, SLICE("@"), &etrn));
	assert_false(smtp_parse_etrn(*state, SLICE("two words"), &etrn));
}

static void test_smtputf8(void **state)
{
	struct smtp_mail_command mail;
	assert_int_equal(
		smtp_parse_mail(*state, SLICE("FROM:<\xC3\xBC@b.test> SMTPUTF8"), 0, &mail),
		SMTP_PARSED);
	assert_true(mail.smtputf8);
	assert_true(mail.sender.is_utf8);
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<\xC3\xBC@b.test>"), 0, &mail),
	                 SMTP_PARSED);
	assert_false(mail.smtputf8);
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<\xC3@b.test> SMTPUTF8"), 0, &mail),
	                 SMTP_PARSED_ADDRESS);
	assert_int_equal(smtp_parse_mail(*state, SLICE("FROM:<a@b.test> SMTPUTF8=1"), 0, &mail),
	                 SMTP_PARSED_PARAMETER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),    ARENA_TEST(test_mail),
		ARENA_TEST(test_rcpt),          ARENA_TEST(test_notify),
		ARENA_TEST(test_ret_and_envid), cmocka_unit_test(test_hello),
		cmocka_unit_test(test_bdat),    ARENA_TEST(test_etrn),
		cmocka_unit_test(test_auth),    ARENA_TEST(test_vrfy),
		ARENA_TEST(test_smtputf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
