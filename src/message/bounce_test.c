#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "message/bounce.h"
#include "message/bounce_class.h"

/* What came back, with the fields of ours and of the host that took it. */
#define RETURNED                                                                                   \
	"Return-Path: <alice@example.test>\r\n"                                                    \
	"Received: from x.example.test (x.example.test [192.0.2.9])\r\n"                           \
	" by far.test with ESMTP id ABC123 for <bob@far.test>; Sun, 22 Nov 2026 05:00:01 "         \
	"+0000\r\n"                                                                                \
	"Received: from laptop (localhost [127.0.0.1])\r\n"                                        \
	" by mx.example.test (Veredus) with ESMTPSA (TLSv1.3 cipher X)\r\n"                        \
	"\tid 38ABCDEFGHIJKLMN for <bob@far.test>; Sun, 22 Nov 2026 05:00:00 +0000\r\n"            \
	"From: alice@example.test\r\n"                                                             \
	"To: bob@far.test\r\n"                                                                     \
	"Message-ID: <one@example.test>\r\n"                                                       \
	"Subject: hello\r\n"                                                                       \
	"\r\n"

static struct arena *arena;
static struct bounce found;

static enum bounce_form parse(const char *text)
{
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	bool is = bounce_parse(arena, slice_from_str(text), &limits, &found);
	assert_int_equal(is, found.form != BOUNCE_NONE);
	return found.form;
}

static bool is_text(struct slice got, const char *wanted)
{
	if (slice_equal(got, slice_from_str(wanted)))
		return true;
	print_message("got '%.*s', wanted '%s'\n", SLICE_ARG(got), wanted);
	return false;
}

static void check_returned(void)
{
	assert_int_equal(found.id_count, 2);
	assert_true(is_text(found.ids[0], "ABC123") && is_text(found.ids[1], "38ABCDEFGHIJKLMN"));
	assert_true(is_text(found.message_id, "<one@example.test>"));
}

static void check(size_t i, const char *address, const char *status, const char *diagnostic)
{
	assert_true(i < found.count);
	assert_true(is_text(found.recipients[i].address, address));
	assert_true(is_text(found.recipients[i].status, status));
	assert_true(is_text(found.recipients[i].diagnostic, diagnostic));
}

static void test_dsn(void **state)
{
	(void)state;
	const char *text =
		"From: MAILER-DAEMON@far.test\r\n"
		"To: alice@example.test\r\n"
		"Subject: Undelivered Mail Returned to Sender\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n"
		"\r\n"
		"--b\r\n"
		"Content-Type: text/plain\r\n"
		"\r\n"
		"Sorry.\r\n"
		"--b\r\n"
		"Content-Type: message/delivery-status\r\n"
		"\r\n"
		"Reporting-MTA: dns; far.test\r\n"
		"Original-Envelope-Id: envelope-1\r\n"
		"Arrival-Date: Sun, 22 Nov 2026 05:00:01 +0000\r\n"
		"\r\n"
		"Final-Recipient: rfc822; robert@inner.far.test\r\n"
		"Original-Recipient: rfc822;bob@far.test\r\n"
		"Action: failed\r\n"
		"Status: 5.1.1 (unknown)\r\n"
		"Remote-MTA: dns; inner.far.test\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 <robert@inner.far.test>:\r\n"
		" User unknown\r\n"
		"\r\n"
		"Final-Recipient: rfc822; carol@far.test\r\n"
		"Action: delayed\r\n"
		"Status: 4.4.1\r\n"
		"\r\n"
		"--b\r\n"
		"Content-Type: text/rfc822-headers\r\n"
		"\r\n" RETURNED "--b--\r\n";
	assert_int_equal(parse(text), BOUNCE_DSN);
	check_returned();
	assert_int_equal(found.count, 2);
	assert_true(is_text(found.reporter, "far.test") && is_text(found.envid, "envelope-1"));
	check(0, "robert@inner.far.test", "5.1.1",
	      "550 5.1.1 <robert@inner.far.test>: User unknown");
	assert_true(is_text(found.recipients[0].original, "bob@far.test"));
	assert_int_equal(found.recipients[0].action, BOUNCE_FAILED);
	assert_int_equal(found.recipients[1].action, BOUNCE_DELAYED);
}

static void test_qmail(void **state)
{
	(void)state;
	const char *text =
		"From: MAILER-DAEMON@far.test\r\n"
		"Subject: failure notice\r\n"
		"\r\n"
		"Hi. This is the qmail-send program at far.test.\r\n"
		"I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
		"This is a permanent error; I've given up. Sorry it didn't work out.\r\n"
		"\r\n"
		"<bob@far.test>:\r\n"
		"Sorry, no mailbox here by that name. (#5.1.1)\r\n"
		"\r\n"
		"<carol@far.test>:\r\n"
		"The users mailfolder is over the allowed quota (size). (#5.2.2)\r\n"
		"\r\n"
		"--- Below this line is a copy of the message.\r\n"
		"\r\n" RETURNED "the body mentions dave@far.test\r\n";
	assert_int_equal(parse(text), BOUNCE_QMAIL);
	check_returned();
	assert_int_equal(found.count, 2);
	check(0, "bob@far.test", "5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)");
	check(1, "carol@far.test", "5.2.2",
	      "The users mailfolder is over the allowed quota (size). (#5.2.2)");
}

static void test_exim(void **state)
{
	(void)state;
	const char *text =
		"X-Failed-Recipients: bob@far.test,\r\n"
		"  carol@far.test\r\n"
		"Auto-Submitted: auto-replied\r\n"
		"From: Mail Delivery System <Mailer-Daemon@far.test>\r\n"
		"To: alice@example.test\r\n"
		"Subject: Mail delivery failed: returning message to sender\r\n"
		"\r\n"
		"This message was created automatically by mail delivery software.\r\n"
		"\r\n"
		"A message that you sent could not be delivered to one or more of its\r\n"
		"recipients. This is a permanent error. The following address(es) failed:\r\n"
		"\r\n"
		"  bob@far.test\r\n"
		"    host inner.far.test [192.0.2.7]\r\n"
		"    SMTP error from remote mail server after RCPT TO:<bob@far.test>:\r\n"
		"    550 5.1.1 <bob@far.test>: Recipient address rejected: User unknown\r\n"
		"\r\n"
		"------ This is a copy of the message, including all the headers. ------\r\n"
		"\r\n" RETURNED;
	assert_int_equal(parse(text), BOUNCE_EXIM);
	check_returned();
	assert_int_equal(found.count, 2);
	assert_true(is_text(found.recipients[0].status, "5.1.1"));
	assert_true(slice_find(found.recipients[0].diagnostic, SLICE("User unknown")) > 0);
	check(1, "carol@far.test", "", "");
}

static void test_plain(void **state)
{
	(void)state;
	const char *text = "From: postmaster@far.test\r\n"
			   "Subject: Undeliverable: hello\r\n"
			   "Content-Type: text/plain; charset=utf-8\r\n"
			   "Content-Transfer-Encoding: quoted-printable\r\n"
			   "\r\n"
			   "Your message did not reach=20\r\n"
			   "\r\n"
			   "    bob@far.test\r\n"
			   "The e-mail account does not exist =C3=BCberhaupt. <far.test #5.1.1>\r\n"
			   "\r\n" RETURNED;
	assert_int_equal(parse(text), BOUNCE_PLAIN);
	check_returned();
	assert_int_equal(found.count, 1);
	check(0, "bob@far.test", "5.1.1",
	      "The e-mail account does not exist \xc3\xbc"
	      "berhaupt. <far.test #5.1.1>");
}

static void test_complaint(void **state)
{
	(void)state;
	const char *text =
		"From: abuse@far.test\r\n"
		"To: fbl@example.test\r\n"
		"Subject: FW: hello\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n"
		"\r\n"
		"--b\r\n"
		"Content-Type: text/plain\r\n"
		"\r\n"
		"This is an abuse report.\r\n"
		"--b\r\n"
		"Content-Type: message/feedback-report\r\n"
		"\r\n"
		"Feedback-Type: abuse\r\n"
		"User-Agent: far/1\r\n"
		"Version: 1\r\n"
		"Original-Mail-From: <alice@example.test>\r\n"
		"Original-Rcpt-To: <bob@far.test>\r\n"
		"Reporting-MTA: dns; far.test\r\n"
		"\r\n"
		"--b\r\n"
		"Content-Type: message/rfc822\r\n"
		"\r\n" RETURNED "body\r\n"
		"--b--\r\n";
	assert_int_equal(parse(text), BOUNCE_COMPLAINT);
	check_returned();
	assert_true(is_text(found.complaint, "abuse") && is_text(found.reporter, "far.test"));
	check(0, "bob@far.test", "", "");
	assert_int_equal(found.recipients[0].action, BOUNCE_COMPLAINED);
}

static void test_no_report(void **state)
{
	(void)state;
	assert_int_equal(parse(""), BOUNCE_NONE);
	assert_int_equal(parse("From: bob@far.test\r\nSubject: Re: hello\r\n\r\nbob@far.test\r\n"
	                       "said so\r\n\r\n" RETURNED),
	                 BOUNCE_NONE);
	assert_int_equal(parse("From: postmaster@far.test\r\n\r\nNobody is named.\r\n"),
	                 BOUNCE_NONE);
	assert_true(bounce_may_be(SLICE("anything"), false));
	assert_false(bounce_may_be(SLICE("Subject: x\r\n\r\nbody"), true));
	assert_true(bounce_may_be(SLICE("Content-Type: Multipart/Report; a=b\r\n\r\n"), true));
}

/* A stranger says how many there are. */
static void test_bounds(void **state)
{
	struct buf text = buf_make(1024 * 1024);
	(void)state;
	buf_append(&text, SLICE("Subject: failure notice\r\n\r\n"));
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "<user%d@far.test>:\r\n550 %0600d\r\n\r\n", i, i);
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	assert_true(bounce_parse(arena, buf_slice(&text), &limits, &found));
	assert_int_equal(found.count, BOUNCE_RECIPIENTS_MAX);
	assert_true(found.recipients[99].diagnostic.len <= BOUNCE_TEXT_MAX);
	buf_free(&text);
}

static void test_classes(void **state)
{
	static const struct {
		const char *status, *text;
		enum bounce_class class;
	} cases[] = {
		{ "5.1.1", "550 5.1.1 who?", BOUNCE_CLASS_HARD },
		{ "5.1.2", "no such domain", BOUNCE_CLASS_HARD },
		{ "5.1.10", "takes no mail", BOUNCE_CLASS_HARD },
		{ "5.2.1", "mailbox disabled", BOUNCE_CLASS_HARD },
		{ "5.0.0", "550 No such user here", BOUNCE_CLASS_HARD },
		{ "", "550 unknown user", BOUNCE_CLASS_HARD },
		{ "5.4.1", "Recipient address rejected: user unknown", BOUNCE_CLASS_HARD },
		{ "5.2.2", "552 mailbox full", BOUNCE_CLASS_SOFT },
		{ "", "552 over quota", BOUNCE_CLASS_SOFT },
		{ "4.4.7", "too long in the queue", BOUNCE_CLASS_SOFT },
		{ "4.2.1", "450 user unknown for now", BOUNCE_CLASS_SOFT },
		{ "", "whatever", BOUNCE_CLASS_SOFT },
		{ "5.7.1", "554 5.7.1 blocked using zen.spamhaus.org", BOUNCE_CLASS_BLOCK },
		{ "5.1.1", "550 5.1.1 your network is on our block list", BOUNCE_CLASS_BLOCK },
		{ "4.7.0", "421 4.7.0 poor reputation", BOUNCE_CLASS_BLOCK },
		{ "", "554 looks like spam", BOUNCE_CLASS_BLOCK },
		{ "5.7.26", "550 5.7.26 DMARC", BOUNCE_CLASS_POLICY },
		{ "5.3.4", "552 5.3.4 too big", BOUNCE_CLASS_POLICY },
		{ "5.6.7", "no SMTPUTF8", BOUNCE_CLASS_POLICY },
		{ "5.1.8", "bad sender", BOUNCE_CLASS_POLICY },
		{ "5.0.0", "554 no", BOUNCE_CLASS_POLICY },
		{ "x", "", BOUNCE_CLASS_SOFT },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum bounce_class got = bounce_class_of(slice_from_str(cases[i].status),
		                                        slice_from_str(cases[i].text));
		if (got != cases[i].class)
			print_message("%s %s: %s\n", cases[i].status, cases[i].text,
			              bounce_class_name(got));
		assert_int_equal(got, cases[i].class);
	}
	enum bounce_class c;
	assert_true(bounce_class_find(SLICE("block"), &c) && c == BOUNCE_CLASS_BLOCK);
	assert_false(bounce_class_find(SLICE("blocks"), &c));
}

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dsn),       TEST(test_qmail),  TEST(test_exim),    TEST(test_plain),
		TEST(test_complaint), TEST(test_bounds), TEST(test_classes), TEST(test_no_report),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
