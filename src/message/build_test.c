#include "base/base_testing.h"

#include <errno.h>

#include "message/build.h"
#include "message/mime.h"

static int collect(void *arg, struct slice piece) { return buf_append(arg, piece); }

static int64_t read_slice(void *arg, uint64_t offset, void *into, size_t len)
{
	struct slice part = slice_sub(*(struct slice *)arg, offset, len);
	memcpy(into, part.data, part.len);
	return (int64_t)part.len;
}

/* The message, whose lines must be legal and end in CRLF. */
static struct slice build(void *arena, const struct draft *draft)
{
	struct buf out = buf_make(100000000);
	assert_int_equal(draft_write(draft, arena, collect, &out), 0);
	struct slice message = arena_copy(arena, buf_slice(&out));
	for (struct slice rest = message; rest.len > 0;) {
		struct slice line = slice_split(&rest, '\n');
		assert_true(line.len <= 999);
		assert_true(rest.len == 0 || slice_ends_with(line, SLICE("\r")));
		assert_true(slice_find_byte(slice_sub(line, 0, line.len - 1), '\r') < 0);
	}
	buf_free(&out);
	return message;
}

static struct slice field(void *arena, struct slice message, const char *name)
{
	struct slice value;
	if (!header_find(message, slice_from_str(name), &value))
		return SLICE("(none)");
	return header_decode(arena, value, 10000);
}

static struct draft simple(void)
{
	return (struct draft){
		.from = SLICE("Al Ice <alice@example.test>"),
		.to = SLICE("J\xC3\xB6rg <joerg@b\xC3\xBC"
		            "cher.test>, carol@example.test"),
		.subject = SLICE("Hello"),
		.text = SLICE("Hi,\nhow are you?\n"),
		.date = { .unix_s = 837596665, .offset_minutes = -420 },
		.message_id = SLICE("<1@example.test>"),
	};
}

static void test_plain(void **state)
{
	struct draft d = simple();
	struct draft_header extra = { "X-Mailer", SLICE("veredus\r\nBcc: evil@x") };
	d.headers = &extra;
	d.header_count = 1;
	struct slice m = build(*state, &d);
	assert_text(m, "Date: Wed, 17 Jul 1996 02:44:25 -0700\r\n"
	               "From: Al Ice <alice@example.test>\r\n"
	               "To: =?utf-8?B?SsO2cmc=?= <joerg@xn--bcher-kva.test>, carol@example.test\r\n"
	               "Subject: Hello\r\n"
	               "Message-ID: <1@example.test>\r\n"
	               "X-Mailer: =?utf-8?Q?veredus__Bcc=3A_evil=40x?=\r\n"
	               "MIME-Version: 1.0\r\n"
	               "Content-Type: text/plain; charset=us-ascii\r\n"
	               "Content-Transfer-Encoding: 7bit\r\n"
	               "\r\n"
	               "Hi,\r\nhow are you?\r\n");
}

static void test_alternative_and_attachments(void **state)
{
	char *noise = arena_alloc(*state, 200000);
	for (size_t i = 0; i < 200000; i++)
		noise[i] = (char)(i * 7919 >> 3);
	struct slice big = slice_of(noise, 200000);
	struct slice eml = SLICE("Subject: inner\n\nbody\n"),
		     bad_eml = SLICE("Subject: \xE4\n\nx\n");
	const struct draft_attachment attachments[] = {
		{ .name = SLICE("Gr\xC3\xBC\xC3\x9F"
		                "e.pdf"),
		  .read = read_slice,
		  .arg = &big },
		{ .name = SLICE("in.eml"), .read = read_slice, .arg = &eml },
		{ .name = SLICE("in.eml"), .read = read_slice, .arg = &bad_eml },
		{ .name = SLICE("a"),
		  .type = SLICE("x/y\r\nz: 1"),
		  .read = read_slice,
		  .arg = &eml },
	};
	struct draft d = simple();
	d.subject = SLICE("Gr\xC3\xBC\xC3\x9F"
	                  "e an alle, die diese ziemlich lange Betreffzeile "
	                  "lesen m\xC3\xBCssen");
	d.text = SLICE("Gr\xC3\xBC\xC3\x9F"
	               "e an alle, und sonst nur gewoehnliche Buchstaben");
	d.html = SLICE("<p>\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E</p>");
	d.attachments = attachments;
	d.attachment_count = 4;
	struct slice m = build(*state, &d), name;
	assert_text(field(*state, m, "Subject"), "Gr\xC3\xBC\xC3\x9F"
	                                         "e an alle, die diese ziemlich lange Betreffzeile "
	                                         "lesen m\xC3\xBCssen");
	struct mime_part *mixed = mime_parse(*state, m, &MESSAGE_LIMITS_DEFAULT);
	assert_true(mime_is(mixed, "multipart", "mixed"));
	assert_int_equal(mixed->child_count, 5);
	struct mime_part *alt = mixed->first;
	assert_true(mime_is(alt, "multipart", "alternative"));
	assert_int_equal(alt->child_count, 2);
	assert_int_equal(alt->first->encoding, MIME_QUOTED_PRINTABLE);
	assert_text(mime_decode_all(*state, alt->first->encoding, mime_body(alt->first, m), 1000),
	            d.text.data);
	assert_text(mime_decode_all(*state, alt->first->next->encoding,
	                            mime_body(alt->first->next, m), 1000),
	            d.html.data);
	struct mime_part *pdf = alt->next;
	assert_true(mime_is(pdf, "application", "pdf"));
	assert_true(mime_filename(*state, pdf, &name));
	assert_text(name, attachments[0].name.data);
	assert_true(slice_equal(mime_decode_all(*state, pdf->encoding, mime_body(pdf, m), 1000000),
	                        big));
	assert_true(mime_is(pdf->next, "message", "rfc822"));
	assert_text(mime_body(pdf->next, m), "Subject: inner\r\n\r\nbody\r\n");
	assert_true(mime_is(pdf->next->next, "application", "octet-stream"));
	assert_text(mime_decode_all(*state, MIME_BASE64, mime_body(pdf->next->next, m), 1000),
	            bad_eml.data);
	assert_true(mime_is(pdf->next->next->next, "application", "octet-stream"));
}

static void test_html_only_and_long_lines(void **state)
{
	char line[5000];
	memset(line, 'x', sizeof(line));
	struct draft d = simple();
	d.text = SLICE_EMPTY;
	d.html = slice_of(line, sizeof(line));
	struct slice m = build(*state, &d);
	struct mime_part *part = mime_parse(*state, m, &MESSAGE_LIMITS_DEFAULT);
	assert_true(mime_is(part, "text", "html"));
	assert_true(slice_equal(mime_decode_all(*state, part->encoding, mime_body(part, m), 10000),
	                        d.html));
	d.html = SLICE_EMPTY;
	d.subject = slice_of(line, sizeof(line));
	m = build(*state, &d);
	assert_true(slice_equal(field(*state, m, "Subject"), d.subject));
}

static int64_t read_nothing(void *arg, uint64_t offset, void *into, size_t len)
{
	(void)arg;
	(void)offset;
	(void)into;
	(void)len;
	return -EIO;
}

static int write_nothing(void *arg, struct slice piece)
{
	(void)arg;
	(void)piece;
	return -EPIPE;
}

static void test_errors(void **state)
{
	struct buf out = buf_make(100000);
	struct draft d = simple();
	d.to = SLICE("\"\"");
	assert_int_equal(draft_write(&d, *state, collect, &out), -EINVAL);
	d = simple();
	d.text = SLICE("\xFF");
	assert_int_equal(draft_write(&d, *state, collect, &out), -EINVAL);
	d = simple();
	assert_int_equal(draft_write(&d, *state, write_nothing, NULL), -EPIPE);
	struct draft_attachment a = { .name = SLICE("x"), .read = read_nothing };
	d.attachments = &a;
	d.attachment_count = 1;
	assert_int_equal(draft_write(&d, *state, collect, &out), -EIO);
	buf_free(&out);
}

static void test_ids_and_types(void **state)
{
	struct slice a = draft_message_id(*state, SLICE("MX.example.test"));
	struct slice b = draft_message_id(*state, SLICE("no domain"));
	assert_true(slice_ends_with(a, SLICE("@mx.example.test>")));
	assert_true(slice_ends_with(b, SLICE("@localhost>")));
	assert_false(slice_equal(a, draft_message_id(*state, SLICE("mx.example.test"))));
	assert_text(draft_type_of(SLICE("a.b.PDF")), "application/pdf");
	assert_text(draft_type_of(SLICE("pdf")), "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_plain),
		ARENA_TEST(test_alternative_and_attachments),
		ARENA_TEST(test_html_only_and_long_lines),
		ARENA_TEST(test_errors),
		ARENA_TEST(test_ids_and_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
