#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/mbox.h"

#define TEXT(literal) slice_from_str(literal)

static int64_t from_date(const char *line)
{
	int64_t unix_s;
	return mbox_is_from(slice_from_str(line), &unix_s) ? unix_s : -1;
}

static void test_from_lines(void **state)
{
	const int64_t first = 1767262800; /* 2026-01-01 10:20:00 UTC */
	(void)state;
	assert_int_equal(from_date("From a@b.test Thu Jan  1 10:20:00 2026"), first);
	assert_int_equal(from_date("From a@b.test  Thu Jan 1 10:20 2026"), first);
	assert_int_equal(from_date("From a@b.test Thu Jan  1 12:20:00 2026 +0200"), first);
	assert_int_equal(from_date("From a@b.test Thu Jan  1 05:20:00 -0500 2026"), first);
	assert_int_equal(from_date("From a@b.test Thu Jan  1 10:20:00 GMT 2026"), first);
	assert_int_equal(from_date("From a at b Thu Jan  1 10:20:00 26"), first);
	assert_int_equal(from_date("From \"a b\"@c.test Thu Jan  1 10:20:00 2026"), first);
	assert_int_equal(from_date("From - Thu, 01 Jan 2026 11:20:00 +0100"), first);
	assert_int_equal(from_date("From - Thu Jan  1 10:20:00 2026 remote from x"), first);
	assert_int_equal(from_date("From here on it is text"), -1);
	assert_int_equal(from_date("From Thu Jan on, 2026"), -1);
	assert_int_equal(from_date("From a@b.test Thu Jan 32 10:20:00 2026"), -1);
	assert_int_equal(from_date("from a@b.test Thu Jan  1 10:20:00 2026"), -1);
	assert_int_equal(from_date(">From a@b.test Thu Jan  1 10:20:00 2026"), -1);
}

#define FROM "From a@b.test Thu Jan  1 10:20:00 2026\n"

static void test_where_messages_begin(void **state)
{
	static const char text[] = FROM "Subject: 1\n\nFrom here on\n" FROM "x\n\n" FROM "\n";
	const size_t second = sizeof(text) - 1 - sizeof(FROM);
	size_t scanned = 0, at = 0;
	(void)state;
	assert_true(mbox_find_next(TEXT(text), &scanned, &at));
	assert_int_equal(at, second);
	/* The same when the file comes in pieces of any length. */
	for (size_t step = 1; step < 50; step++) {
		bool found = false;
		scanned = 0;
		for (size_t len = 0; len < sizeof(text) - 1 && !found;) {
			len = len + step < sizeof(text) - 1 ? len + step : sizeof(text) - 1;
			found = mbox_find_next(slice_of(text, len), &scanned, &at);
		}
		assert_true(found);
		assert_int_equal(at, second);
	}
	scanned = 0;
	assert_true(mbox_find_next(TEXT(FROM "\r\n\r\n" FROM), &scanned, &at));
}

static void assert_message(const char *entry, enum mbox_quoting quoting, const char *want,
                           struct mbox_entry *out)
{
	struct buf message = buf_make(4096);
	assert_int_equal(mbox_decode(slice_from_str(entry), quoting, &message, out), 0);
	if (!slice_equal(buf_slice(&message), slice_from_str(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARG(buf_slice(&message)), want);
	buf_free(&message);
}

static void test_messages(void **state)
{
	struct mbox_entry e;
	(void)state;
	assert_message(FROM "Subject: x\nStatus: RO\n folded\nX-Status: AFDT\n"
	                    "X-Keywords: $Work  home \nX-UID: 7\nTo: y\n\nbody\nStatus: N\n\n",
	               MBOX_RD, "Subject: x\r\nTo: y\r\n\r\nbody\r\nStatus: N\r\n", &e);
	assert_true(e.has_date && e.seen && e.answered && e.flagged && e.deleted && e.draft);
	assert_int_equal(e.unix_s, 1767262800);
	assert_true(slice_equal(e.keywords, SLICE("$Work  home")));
	assert_message(FROM "\n>From a\n>>From b\n> From c\n>Fro\n", MBOX_RD,
	               "\r\nFrom a\r\n>From b\r\n> From c\r\n>Fro\r\n", &e);
	assert_false(e.seen || e.answered || e.flagged || e.deleted || e.draft || e.internal);
	assert_message(FROM "\n>From a\n>>From b\n", MBOX_O, "\r\nFrom a\r\n>>From b\r\n", &e);
	assert_message("From a\r\nA: b\r\n\r\nc\r\n\r\n", MBOX_RD, "A: b\r\n\r\nc\r\n", &e);
	assert_false(e.has_date);
	assert_message(FROM "A: b\n\nno end", MBOX_RD, "A: b\r\n\r\nno end\r\n", &e);
	assert_message(FROM "X-IMAP: 1 2\n\n", MBOX_RD, "", &e);
	assert_true(e.internal);
}

static void test_refused(void **state)
{
	struct buf small = buf_make(10);
	struct mbox_entry e;
	(void)state;
	assert_int_equal(mbox_decode(TEXT("Subject: x\n\n"), MBOX_RD, &small, &e), -EBADMSG);
	assert_int_equal(mbox_decode(TEXT(FROM "Subject: long\n\n"), MBOX_RD, &small, &e),
	                 -ENOBUFS);
	buf_free(&small);
}

static void test_line_ends(void **state)
{
	struct buf out = buf_make(100);
	(void)state;
	assert_int_equal(mbox_add_crlf(TEXT("a\nb\r\n\rc\n\nd"), &out), 0);
	assert_true(slice_equal(buf_slice(&out), SLICE("a\r\nb\r\n\rc\r\n\r\nd")));
	buf_free(&out);
}

static void test_written(void **state)
{
	struct buf out = buf_make(1000);
	struct mbox_entry e;
	(void)state;
	assert_int_equal(mbox_add_entry(SLICE("a@b.test"), 1767262800, SLICE("Status: RO\n"),
	                                SLICE("A: b\r\n\r\nFrom c\r\n>From d\r\n\r\ne"), &out),
	                 0);
	assert_true(slice_equal(buf_slice(&out),
	                        SLICE(FROM "A: b\nStatus: RO\n\n>From c\n>>From d\n\ne\n\n")));
	buf_append_byte(&out, '\0');
	assert_message(out.data, MBOX_RD, "A: b\r\n\r\nFrom c\r\n>From d\r\n\r\ne\r\n", &e);
	assert_true(e.seen);
	/* A message that is all header. */
	buf_clear(&out);
	mbox_add_entry(SLICE_EMPTY, 1767262800, SLICE("Status: O\n"), SLICE("A: b\r\n"), &out);
	assert_true(
		slice_equal(buf_slice(&out), SLICE("From MAILER-DAEMON Thu Jan  1 10:20:00 2026\n"
	                                           "A: b\nStatus: O\n\n")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_lines), cmocka_unit_test(test_where_messages_begin),
		cmocka_unit_test(test_messages),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_line_ends),  cmocka_unit_test(test_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
