#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "message/fixup.h"

#define MIB (1024 * 1024)

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

struct bench {
	struct arena *arena;
	struct buf in, out, bcc;
	struct fixup fixup;
};

static int setup(void **state)
{
	struct bench *b = mem_zero(1, sizeof(*b));
	b->arena = arena_new();
	b->in = buf_make(64 * MIB);
	b->out = buf_make(64 * MIB);
	b->bcc = buf_make(MIB);
	b->fixup = (struct fixup){
		.hostname = SLICE("mx.test"),
		.domain = SLICE("home.test"),
		.author = SLICE("me@home.test"),
		.now = { .unix_s = 0 },
		.limits = &limits,
	};
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	arena_free(b->arena);
	buf_free(&b->in);
	buf_free(&b->out);
	buf_free(&b->bcc);
	free(b);
	return 0;
}

static int fix(struct bench *b, struct slice in)
{
	buf_clear(&b->out);
	buf_clear(&b->bcc);
	return fixup_write(b->arena, in, &b->fixup, &b->bcc, dot_sink_buf, &b->out);
}

static const char *fixed(struct bench *b, const char *in)
{
	assert_int_equal(fix(b, slice_from_str(in)), 0);
	return arena_str(b->arena, buf_slice(&b->out));
}

#define DATE "Date: Sat, 1 Jan 2000 00:00:00 +0000\r\n"
#define NOW  "Thu, 1 Jan 1970 00:00:00 +0000\r\n"
#define ID   "Message-ID: <a@b>\r\n"
#define FROM "From: me@home.test\r\n"

static void test_right_as_it_is(void **state)
{
	static const char *const messages[] = {
		DATE ID FROM "To: a@b.test\r\nSubject: x\r\n\r\ntext\r\n",
		ID FROM "Date:\r\n Sat, 01 Jan 00 00:00 GMT (x)\r\n\r\n",
		DATE ID FROM
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Type: message/rfc822\r\n\r\nTo: joe\r\nBcc: x\r\n\r\nx\r\n--b--\r\n",
		DATE ID FROM "Received: (odd) from x\r\nReceived:\r\n\r\n",
		DATE ID FROM "Authentication-Results: mx.other.test; spf=pass\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		assert_string_equal(fixed(*state, messages[i]), messages[i]);
}

static void test_missing(void **state)
{
	struct bench *b = *state;
	assert_string_equal(fixed(b, ID FROM "\r\nx"), "Date: " NOW ID FROM "\r\nx");
	assert_string_equal(fixed(b, ID FROM "Date: yesterday\r\n\r\nx"),
	                    "Date: " NOW ID FROM "\r\nx");
	assert_string_equal(fixed(b, DATE ID "\r\n"), FROM DATE ID "\r\n");
	const char *text = fixed(b, DATE FROM "Message-ID: no id\r\n\r\n");
	assert_non_null(strstr(text, "Message-ID: <"));
	assert_non_null(strstr(text, "@mx.test>\r\n" DATE FROM "\r\n"));
	assert_null(strstr(text, "no id"));
	/* Nothing at all, and a body without a header. */
	assert_non_null(strstr(fixed(b, ""), FROM));
	assert_non_null(
		strstr(fixed(b, "hello\r\n\r\nmore\r\n"), FROM "\r\nhello\r\n\r\nmore\r\n"));
	assert_non_null(strstr(fixed(b, "hello\r\n" FROM DATE ID "\r\n"),
	                       FROM "\r\nhello\r\n" FROM DATE ID));
	assert_string_equal(fixed(b, "From me Thu Jan 1\r\n" DATE ID FROM "\r\n"),
	                    DATE ID FROM "\r\n");
}

static void test_sender(void **state)
{
	struct bench *b = *state;
	b->fixup.sender = SLICE("me@home.test");
	assert_string_equal(fixed(b, DATE ID "From: boss@x.test\r\n\r\n"),
	                    "Sender: me@home.test\r\n" DATE ID "From: boss@x.test\r\n\r\n");
	assert_string_equal(fixed(b, DATE ID "From: boss@x.test\r\nsender: other@x.test\r\n\r\n"),
	                    "Sender: me@home.test\r\n" DATE ID "From: boss@x.test\r\n\r\n");
}

static void test_taken_out(void **state)
{
	struct bench *b = *state;
	assert_string_equal(fixed(b, "Return-Path: <x@y>\r\n" DATE ID FROM
	                             "bcc: a@b.test,\r\n c@d.test\r\nResent-Bcc: e@f.test\r\n"
	                             "Authentication-Results:\r\n MX.test 1; dkim=pass\r\n"
	                             "Authentication-Results: mx.test.other; dkim=pass\r\n"
	                             "\r\nBcc: body\r\n"),
	                    DATE ID FROM "Authentication-Results: mx.test.other; dkim=pass\r\n"
	                                 "\r\nBcc: body\r\n");
	assert_string_equal(arena_str(b->arena, buf_slice(&b->bcc)),
	                    "bcc: a@b.test,\r\n c@d.test\r\nResent-Bcc: e@f.test\r\n");
}

/* A message of somebody else that is sent on: its own fields stay. */
static void test_resent(void **state)
{
	struct bench *b = *state;
	struct fixup_claim claim;
	b->fixup.sender = SLICE("me@home.test");
	const char *rest = "Date: none\r\nFrom: other\r\n\r\n";
	const char *text = fixed(b, "Resent-From: boss\r\nResent-To: a@b.test\r\nDate: none\r\n"
	                            "From: other\r\n\r\n");
	assert_ptr_equal(strstr(text, "Resent-Date: " NOW "Resent-Message-ID: <"), text);
	assert_non_null(strstr(text, "Resent-Sender: me@home.test\r\n"
	                             "Resent-From: boss@home.test\r\nResent-To: a@b.test\r\n"
	                             "Date: none\r\nFrom: other@home.test\r\n"));
	fixup_claim(b->arena,
	            SLICE("Received: x\r\nResent-From: a@b.test\r\nFrom: c@d.test\r\n"
	                  "Resent-Sender: e@f.test\r\n\r\n"),
	            &claim);
	assert_true(claim.resent && claim.has_from && !claim.has_sender);
	assert_int_equal(claim.from.count, 1);
	fixup_claim(b->arena, slice_from_str(rest), &claim);
	assert_true(!claim.resent && claim.has_from && !claim.has_sender);
}

static void test_encoded(void **state)
{
	struct bench *b = *state;
	const char *parts = DATE ID FROM
		"Subject: \xC3\xA4\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Disposition: attachment; filename=\"\xC3\xA4\"\r\n\r\n\xC3\xA4\r\n--b\r\n"
		"Content-Type: message/rfc822\r\n\r\nSubject: \xC3\xA4\r\n\r\n\r\n--b--\r\n";
	assert_string_equal(
		fixed(b, parts), DATE ID FROM
		"Subject: =?utf-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\nContent-Disposition: attachment;\r\n filename*=utf-8''%C3%A4\r\n\r\n"
		"\xC3\xA4\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: \xC3\xA4\r\n\r\n"
		"\r\n--b--\r\n");
	/* The parts would not be found any more. */
	const char *odd = DATE ID FROM
		"Content-Type: multipart/mixed; boundary=\"\xC3\xA4\"\r\n\r\n"
		"--\xC3\xA4\r\n\r\nx\r\n--\xC3\xA4--\r\n";
	assert_string_equal(fixed(b, odd), odd);
	assert_int_equal(fix(b, SLICE(DATE ID "From: \xC3\xA4@x.test\r\n\r\n")), -EILSEQ);
	b->fixup.smtputf8 = true;
	assert_string_equal(fixed(b, parts), parts);
	assert_int_equal(fix(b, SLICE(DATE ID "From: \xC3\xA4@x.test\r\n\r\n")), 0);
}

static void test_long_lines(void **state)
{
	struct bench *b = *state;
	static const char *const heads[] = {
		DATE ID FROM "\r\n",
		DATE ID FROM "DKIM-Signature: v=1; h=From:\r\n to; b=x\r\n\r\n",
		DATE ID FROM "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n",
		DATE ID FROM "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nX: ",
		DATE ID FROM "DKIM-Signature: v=1; h=X; b=x\r\nX: ",
		DATE ID FROM "Message-ID: <",
		"hello\r\n",
	};
	static const int results[] = { 0,           -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP,
		                       -EOPNOTSUPP, -EMSGSIZE,   -EOPNOTSUPP };
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		buf_clear(&b->in);
		buf_append(&b->in, slice_from_str(heads[i]));
		for (int n = 0; n < 300; n++)
			buf_append(&b->in, i == 5 ? SLICE("long") : SLICE("long "));
		buf_append(&b->in, SLICE("\r\n"));
		assert_int_equal(fix(b, buf_slice(&b->in)), results[i]);
		if (results[i] == 0)
			assert_non_null(strstr(arena_str(b->arena, buf_slice(&b->out)), FROM
			                       "MIME-Version: 1.0\r\nContent-Transfer-Encoding: "
			                       "quoted-printable\r\n\r\nlong "));
	}
	b->fixup.any_line = true;
	buf_clear(&b->in);
	buf_append(&b->in, SLICE(DATE ID FROM "\r\n"));
	for (int n = 0; n < 3000; n++)
		buf_append(&b->in, SLICE("\xFF\n"));
	assert_int_equal(fix(b, buf_slice(&b->in)), 0);
	assert_true(slice_equal(buf_slice(&b->in), buf_slice(&b->out)));
}

/* Fields that a signature covers stay, whatever they hold. */
static void test_dkim(void **state)
{
	struct bench *b = *state;
	const char *message =
		"DKIM-Signature: v=1; a=x; h=From : Subject:\r\n\tDate:Message-ID:Sender;"
		" b=y\r\nFrom: joe\r\nSubject: \xC3\xA4\r\nDate: bad\r\n\r\n";
	b->fixup.sender = SLICE("me@home.test");
	assert_string_equal(fixed(b, message), message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_right_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_encoded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dkim, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
