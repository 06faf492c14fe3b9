#include "base/base_testing.h"

#include <errno.h>

#include "message/summary.h"

static struct message_summary summarise(void *arena, struct slice bytes)
{
	struct message_summary s;
	message_summarise(bytes, &MESSAGE_LIMITS_DEFAULT, arena, &s);
	return s;
}

/* The example of RFC 3501 section 8. */
static const char rfc_example[] =
	"Received: from x by y; Wed, 17 Jul 1996 02:23:26 -0700\r\n"
	"Received: from z by x; Wed, 17 Jul 1996 02:23:25 -0700\r\n"
	"Delivered-To: gray@cac.washington.edu\r\n"
	"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	"From: Terry Gray <gray@cac.washington.edu>\r\n"
	"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
	"To: imap@cac.washington.edu\r\n"
	"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
	"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
	"\r\n"
	"Hello\r\n";

static void test_simple(void **state)
{
	struct message_summary s = summarise(*state, SLICE(rfc_example));
	struct slice body;
	assert_text(s.envelope, "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
	                        "\"IMAP4rev1 WG mtg summary and minutes\" "
	                        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	                        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	                        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	                        "((NIL NIL \"imap\" \"cac.washington.edu\")) "
	                        "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
	                        "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
	                        "\"<B27397-0100000@cac.washington.edu>\")");
	assert_text(s.body_structure, "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
	                              "\"7bit\" 7 1 NIL NIL NIL NIL)");
	assert_true(message_body_from_structure(*state, s.body_structure, &body));
	assert_text(body, "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 7 1)");
	assert_int_equal(s.received_count, 2);
	assert_int_equal(s.delivered_to_count, 1);
	assert_text(s.delivered_to[0], "gray@cac.washington.edu");
	assert_text(s.message_id, "<B27397-0100000@cac.washington.edu>");
	assert_text(s.subject, "IMAP4rev1 WG mtg summary and minutes");
	assert_true(s.has_date);
	assert_int_equal(s.date.unix_s, 837595405);
	assert_int_equal(s.size_bytes, sizeof(rfc_example) - 1);
	assert_int_equal(s.header_size, sizeof(rfc_example) - 1 - 7);
	assert_false(s.has_8bit_header || s.has_8bit_body || s.has_nul);
}

static void test_nothing(void **state)
{
	struct message_summary s = summarise(*state, SLICE_EMPTY);
	assert_text(s.envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	assert_text(s.body_structure, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
	                              "\"7bit\" 0 0 NIL NIL NIL NIL)");
	assert_text(s.message_id, "");
	assert_false(s.has_date);
}

static void test_endless_message_id(void **state)
{
	struct buf text = buf_make(1 << 16);
	buf_printf(&text, "Message-ID: <%0*d>\r\n\r\n", MESSAGE_ID_MAX - 2, 0);
	struct message_summary s = summarise(*state, buf_slice(&text));
	assert_int_equal(s.message_id.len, MESSAGE_ID_MAX);
	buf_clear(&text);
	buf_printf(&text, "Message-ID: <%0*d>\r\n\r\n", MESSAGE_ID_MAX - 1, 0);
	s = summarise(*state, buf_slice(&text));
	assert_int_equal(s.message_id.len, 0);
	buf_free(&text);
}

static void test_awkward_strings(void **state)
{
	struct message_summary s = summarise(
		*state, SLICE("Subject: say \"hi\"\\\r\n\tthere\r\n"
	                      "From: \"J\xC3\xB6rg \\\"X\\\"\" <j@x>\r\nSender:\r\n"
	                      "To: undisclosed-recipients:;\r\nMessage-ID:\r\n"
	                      "Date: a\0b\r\nIn-Reply-To: a\rb\r\n\r\n\xFF"));
	assert_text(s.envelope, "({3}\r\na?b \"say \\\"hi\\\"\\\\\tthere\" "
	                        "(({9}\r\nJ\xC3\xB6rg \"X\" NIL \"j\" \"x\")) "
	                        "(({9}\r\nJ\xC3\xB6rg \"X\" NIL \"j\" \"x\")) "
	                        "(({9}\r\nJ\xC3\xB6rg \"X\" NIL \"j\" \"x\")) "
	                        "((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) "
	                        "NIL NIL {3}\r\na\rb \"\")");
	assert_true(s.has_8bit_header);
	assert_true(s.has_8bit_body);
	assert_true(s.has_nul);
}

static const char nested[] = "Subject: outer\r\n"
			     "Content-Type: multipart/mixed; boundary=\"b\"\r\n"
			     "Content-Language: en, de\r\n"
			     "\r\n"
			     "--b\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-ID: <1@x>\r\n"
			     "Content-Description: d\xC3\xA9scription\r\n"
			     "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
			     "\r\n"
			     "one\r\n"
			     "two\r\n"
			     "--b\r\n"
			     "Content-Type: message/rfc822\r\n"
			     "Content-Disposition: attachment; filename=\"m.eml\"; size=12\r\n"
			     "\r\n"
			     "Subject: inner\r\n"
			     "From: i@x\r\n"
			     "Content-Type: multipart/alternative; boundary=c\r\n"
			     "\r\n"
			     "--c\r\n\r\nalt\r\n--c--\r\n"
			     "--b\r\n"
			     "Content-Type: image/png\r\n"
			     "Content-Transfer-Encoding: base64\r\n"
			     "Content-Location: http://x/y\r\n"
			     "\r\n"
			     "iVBORw0KGgo=\r\n"
			     "--b--\r\n";

static void test_structure(void **state)
{
	struct message_summary s = summarise(*state, SLICE(nested));
	struct slice body;
	assert_text(
		s.body_structure,
		"((\"text\" \"plain\" (\"charset\" \"utf-8\") \"<1@x>\" "
		"{12}\r\nd\xC3\xA9scription \"7bit\" 8 1 \"Q2hlY2sgSW50ZWdyaXR5IQ==\" NIL NIL "
		"NIL)"
		"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 95 "
		"(NIL \"inner\" ((NIL NIL \"i\" \"x\")) ((NIL NIL \"i\" \"x\")) "
		"((NIL NIL \"i\" \"x\")) NIL NIL NIL NIL NIL) "
		"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0 NIL NIL NIL "
		"NIL) \"alternative\" (\"boundary\" \"c\") NIL NIL NIL) 7 NIL "
		"(\"attachment\" (\"filename\" \"m.eml\" \"size\" \"12\")) NIL NIL)"
		"(\"image\" \"png\" NIL NIL NIL \"base64\" 12 NIL NIL NIL \"http://x/y\")"
		" \"mixed\" (\"boundary\" \"b\") NIL (\"en\" \"de\") NIL)");
	assert_true(message_body_from_structure(*state, s.body_structure, &body));
	assert_text(body, "((\"text\" \"plain\" (\"charset\" \"utf-8\") \"<1@x>\" "
	                  "{12}\r\nd\xC3\xA9scription \"7bit\" 8 1)"
	                  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 95 "
	                  "(NIL \"inner\" ((NIL NIL \"i\" \"x\")) ((NIL NIL \"i\" \"x\")) "
	                  "((NIL NIL \"i\" \"x\")) NIL NIL NIL NIL NIL) "
	                  "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0) "
	                  "\"alternative\") 7)"
	                  "(\"image\" \"png\" NIL NIL NIL \"base64\" 12) \"mixed\")");
	static const char *const wrong[] = { "", "(", "()", "NIL", "(\"a\")", "((\"a\"", ")(" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(message_body_from_structure(*state, slice_from_str(wrong[i]), &body));
}

static struct slice section(void *arena, struct slice bytes, enum message_section_kind kind,
                            const char *path)
{
	struct slice fields[] = { SLICE("SUBJECT"), SLICE("x-none") };
	struct message_section s = { .kind = kind, .fields = fields, .field_count = 2 };
	struct slice rest = slice_from_str(path), out;
	while (rest.len > 0) {
		uint64_t n;
		assert_true(slice_to_u64(slice_split(&rest, '.'), &n));
		s.path[s.depth++] = (unsigned)n;
	}
	if (!message_section(bytes, 0, &MESSAGE_LIMITS_DEFAULT, arena, &s, &out))
		return SLICE("(none)");
	return out;
}

static void test_sections(void **state)
{
	struct slice n = SLICE(nested), r = SLICE(rfc_example);
	assert_text(section(*state, n, SECTION_ALL, ""), nested);
	assert_text(section(*state, r, SECTION_TEXT, ""), "Hello\r\n");
	assert_text(section(*state, r, SECTION_ALL, "1"), "Hello\r\n");
	assert_text(section(*state, n, SECTION_ALL, "1"), "one\r\ntwo");
	assert_text(section(*state, n, SECTION_HEADER, "1"), "(none)");
	assert_text(section(*state, n, SECTION_TEXT, "1"), "(none)");
	assert_text(section(*state, n, SECTION_HEADER_FIELDS, ""), "Subject: outer\r\n\r\n");
	assert_text(section(*state, n, SECTION_HEADER_FIELDS, "2"), "Subject: inner\r\n\r\n");
	assert_text(section(*state, n, SECTION_HEADER_FIELDS_NOT, "2"),
	            "From: i@x\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n");
	assert_text(section(*state, n, SECTION_HEADER, "2"),
	            "Subject: inner\r\nFrom: i@x\r\n"
	            "Content-Type: multipart/alternative; boundary=c\r\n\r\n");
	assert_text(section(*state, n, SECTION_TEXT, "2"), "--c\r\n\r\nalt\r\n--c--");
	assert_text(section(*state, n, SECTION_ALL, "2.1"), "alt");
	assert_text(section(*state, n, SECTION_MIME, "2"),
	            "Content-Type: message/rfc822\r\n"
	            "Content-Disposition: attachment; filename=\"m.eml\"; size=12\r\n\r\n");
	assert_text(section(*state, n, SECTION_MIME, "4"), "(none)");
}

static void test_decoded(void **state)
{
	struct message_section s = { .kind = SECTION_ALL, .path = { 3 }, .depth = 1 };
	struct slice out;
	assert_int_equal(message_section_decoded(SLICE(nested), &MESSAGE_LIMITS_DEFAULT, *state, &s,
	                                         100, &out),
	                 0);
	assert_text(out, "\x89PNG\r\n\x1A\n");
	s.path[0] = 9;
	assert_int_equal(message_section_decoded(SLICE(nested), &MESSAGE_LIMITS_DEFAULT, *state, &s,
	                                         100, &out),
	                 -ENOENT);
}

/* Larger than the limits: still well-formed, and with what fits. */
static void test_limits(void **state)
{
	struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct message_summary s;
	struct slice body;
	struct buf big = buf_make(10000000);
	buf_append(&big, SLICE("Subject: s\r\nTo: a@b"));
	for (int i = 0; i < 20000; i++)
		buf_append(&big, SLICE(",\r\n \"x\" <somebody@example.test>"));
	buf_append(&big, SLICE("\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 1000; i++)
		buf_append(&big, SLICE("--b\r\nContent-Type: a/b; c=d\r\n\r\nx\r\n"));
	limits.summary_bytes = 4000;
	limits.header_bytes = big.len;
	message_summarise(buf_slice(&big), &limits, *state, &s);
	assert_true(s.envelope.len <= 4000);
	assert_true(slice_starts_with(s.envelope, SLICE("(NIL \"s\" NIL NIL NIL ((NIL NIL \"a\"")));
	assert_true(message_body_from_structure(*state, s.body_structure, &body));
	assert_true(slice_starts_with(body, SLICE("(\"application\" \"octet-stream\" NIL")));
	limits.summary_bytes = 10;
	message_summarise(buf_slice(&big), &limits, *state, &s);
	assert_text(s.envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	buf_free(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_simple),
		ARENA_TEST(test_nothing),
		ARENA_TEST(test_endless_message_id),
		ARENA_TEST(test_awkward_strings),
		ARENA_TEST(test_structure),
		ARENA_TEST(test_sections),
		ARENA_TEST(test_decoded),
		ARENA_TEST(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
