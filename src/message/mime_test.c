#include "base/base_testing.h"

#include "message/mime.h"

static const char mixed[] = "From: a@b\r\n"
			    "Content-Type: multipart/mixed; boundary=\"outer\"\r\n"
			    "\r\n"
			    "preamble\r\n"
			    "--outer\r\n"
			    "Content-Type: multipart/alternative; boundary=outer2\r\n"
			    "\r\n"
			    "--outer2\r\n"
			    "\r\n"
			    "plain\r\n"
			    "two\r\n"
			    "--outer2\t \r\n"
			    "Content-Type: text/html\r\n"
			    "\r\n"
			    "<b>html</b>\r\n"
			    "--outer2--\r\n"
			    "epilogue\r\n"
			    "--outer\r\n"
			    "Content-Type: message/rfc822\r\n"
			    "\r\n"
			    "Subject: inner\r\n"
			    "\r\n"
			    "inner body\r\n"
			    "--outer\r\n"
			    "Content-Type: application/pdf; name=\"a.pdf\"\r\n"
			    "Content-Transfer-Encoding: BASE64 \r\n"
			    "Content-Disposition: attachment; filename=b.pdf\r\n"
			    "--outer--\r\n"
			    "end\r\n";

/* The body of the part with that number, written as "2.1". */
static struct slice part_body(void *arena, struct slice bytes, const char *number)
{
	unsigned path[16];
	size_t depth = 0;
	struct slice rest = slice_from_str(number);
	while (rest.len > 0) {
		uint64_t n;
		assert_true(slice_to_u64(slice_split(&rest, '.'), &n));
		path[depth++] = (unsigned)n;
	}
	struct mime_part *m = mime_parse(arena, bytes, &MESSAGE_LIMITS_DEFAULT);
	const struct mime_part *part = mime_find(m, path, depth);
	return part ? mime_body(part, bytes) : SLICE("(none)");
}

static void test_tree(void **state)
{
	struct slice bytes = SLICE(mixed);
	struct mime_part *m = mime_parse(*state, bytes, &MESSAGE_LIMITS_DEFAULT);
	assert_int_equal(m->kind, MIME_MULTIPART);
	assert_int_equal(m->child_count, 3);
	assert_text(slice_trim(m->fields->from), "a@b");
	assert_null(m->fields->to.data);
	assert_text(part_body(*state, bytes, "1.1"), "plain\r\ntwo");
	assert_text(part_body(*state, bytes, "1.2"), "<b>html</b>");
	assert_text(part_body(*state, bytes, "2"), "Subject: inner\r\n\r\ninner body");
	assert_text(part_body(*state, bytes, "2.1"), "inner body");
	assert_text(part_body(*state, bytes, "3"), "");
	assert_text(part_body(*state, bytes, "4"), "(none)");
	assert_text(part_body(*state, bytes, "2.2"), "(none)");
	assert_text(part_body(*state, bytes, "1.1.1"), "(none)");
	assert_text(part_body(*state, bytes, "0"), "(none)");
	struct mime_part *pdf = m->first->next->next;
	struct slice name;
	assert_int_equal(pdf->encoding, MIME_BASE64);
	assert_true(mime_filename(*state, pdf, &name));
	assert_text(name, "b.pdf");
	assert_int_equal(m->first->first->body_lines, 1);
	assert_text(mime_charset(m->first->first), "us-ascii");
	struct mime_part *inner = m->first->next->first;
	assert_text(slice_trim(inner->fields->subject), "inner");
	assert_int_equal(m->first->next->body_lines, 2);
}

static void test_not_multipart(void **state)
{
	struct slice bytes = SLICE("Subject: x\n\nline\nline\n");
	struct mime_part *m = mime_parse(*state, bytes, &MESSAGE_LIMITS_DEFAULT);
	assert_int_equal(m->kind, MIME_LEAF);
	assert_int_equal(m->body_lines, 2);
	assert_text(part_body(*state, bytes, "1"), "line\nline\n");
	assert_text(part_body(*state, bytes, "1.1"), "(none)");
	m = mime_parse(*state, SLICE_EMPTY, &MESSAGE_LIMITS_DEFAULT);
	assert_true(mime_is(m, "Text", "Plain"));
	assert_int_equal(m->body_size, 0);
}

static void test_a_message_in_a_message(void **state)
{
	struct slice bytes = SLICE("Content-Type: message/rfc822\r\n\r\n"
	                           "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	                           "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n");
	assert_text(part_body(*state, bytes, "1.1"), "one");
	assert_text(part_body(*state, bytes, "1.2"), "two");
}

/* The inner multipart never ends; the outer boundary ends it all the same. */
static void test_broken_nesting(void **state)
{
	struct slice bytes = SLICE("Content-Type: multipart/mixed; boundary=a\r\n\r\n"
	                           "--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	                           "--b\r\n\r\nx\r\n"
	                           "--a\r\n\r\ny\r\n");
	assert_text(part_body(*state, bytes, "1.1"), "x");
	assert_text(part_body(*state, bytes, "2"), "y\r\n");
}

static void test_no_boundary(void **state)
{
	struct slice bytes = SLICE("Content-Type: multipart/mixed; boundary=a\r\n\r\nhello\r\n");
	struct mime_part *m = mime_parse(*state, bytes, &MESSAGE_LIMITS_DEFAULT);
	assert_int_equal(m->child_count, 1);
	assert_text(part_body(*state, bytes, "1"), "hello\r\n");
	bytes = SLICE("Content-Type: multipart/mixed\r\n\r\n--\r\nhello\r\n");
	assert_text(part_body(*state, bytes, "1"), "--\r\nhello\r\n");
	bytes = SLICE("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a--\r\n");
	m = mime_parse(*state, bytes, &MESSAGE_LIMITS_DEFAULT);
	assert_int_equal(m->child_count, 1);
}

static void test_boundary_by_rfc2231(void **state)
{
	struct slice bytes = SLICE("Content-Type: multipart/mixed; boundary*0*=us-ascii''%61;\r\n"
	                           " boundary*1=b\r\n\r\n--ab\r\n\r\nx\r\n--ab--\r\n");
	assert_text(part_body(*state, bytes, "1"), "x");
}

static void test_one_boundary_begins_another(void **state)
{
	struct slice bytes = SLICE("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
	                           "--b\r\nContent-Type: multipart/mixed; boundary=\"b--\"\r\n\r\n"
	                           "--b--\r\n\r\nx\r\n--b----\r\n--b\r\n\r\ny\r\n--b--\r\n");
	assert_text(part_body(*state, bytes, "1.1"), "x");
}

static void test_digest_and_odd_types(void **state)
{
	struct slice bytes = SLICE("Content-Type: multipart/digest; boundary=a\r\n\r\n"
	                           "--a\r\n\r\nSubject: m\r\n\r\nbody\r\n"
	                           "--a\r\nContent-Type: nonsense\r\n\r\ntext\r\n--a--\r\n");
	struct mime_part *m = mime_parse(*state, bytes, &MESSAGE_LIMITS_DEFAULT);
	assert_int_equal(m->first->kind, MIME_MESSAGE);
	assert_true(mime_is(m->first->next, "text", "plain"));
	assert_text(part_body(*state, bytes, "1.1"), "body");
}

static void test_limits(void **state)
{
	struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct buf deep = buf_make(10000000);
	for (int i = 0; i < 10000; i++)
		buf_printf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i,
		           i);
	struct mime_part *part = mime_parse(*state, buf_slice(&deep), &limits);
	size_t depth = 0;
	while (part->first) {
		part = part->first;
		depth++;
	}
	assert_int_equal(depth, limits.depth);
	assert_true(mime_is(part, "application", "octet-stream"));
	assert_int_equal(part->body_offset + part->body_size, deep.len);
	buf_clear(&deep);
	buf_append(&deep, SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 5000; i++)
		buf_append(&deep, SLICE("--b\r\n\r\nx\r\n"));
	limits.parts = 100;
	part = mime_parse(*state, buf_slice(&deep), &limits);
	assert_int_equal(part->child_count, 99);
	assert_int_equal(part->body_size, deep.len - part->header_size);
	buf_free(&deep);
}

static const struct {
	enum mime_encoding encoding;
	const char *in, *out;
	bool damaged;
} decodings[] = {
	{ MIME_BASE64, "SGVsbG8=", "Hello", false },
	{ MIME_BASE64, "SGVs\r\nbG8=\r\n", "Hello", false },
	{ MIME_BASE64, "SGVsbG8", "Hello", true },
	{ MIME_BASE64, "SGVs*bG8=", "Hello", true },
	{ MIME_BASE64, "SGk=SGk=", "HiHi", false },
	{ MIME_BASE64, "SA==SGVs", "HHel", false },
	{ MIME_BASE64, "====", "", false },
	{ MIME_BASE64, "S", "", true },
	{ MIME_QUOTED_PRINTABLE, "a=3Db=\r\nc  \r\nd=\n", "a=bc\r\nd", false },
	{ MIME_QUOTED_PRINTABLE, "a=\r\n", "a", false },
	{ MIME_QUOTED_PRINTABLE, "a= \t\r\nb", "ab", false },
	{ MIME_QUOTED_PRINTABLE, "=e4=E4=zz=4", "\xE4\xE4=zz=4", true },
	{ MIME_QUOTED_PRINTABLE, "x =20\n", "x  \n", false },
	{ MIME_UUENCODE, "x\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\nzz\r\n", "Cat", false },
	{ MIME_UUENCODE, "begin 644 a\n#0V%T\n", "Cat", true },
	{ MIME_8BIT, "as=20it", "as=20it", false },
};

static void test_decoding_at_every_cut(void **state)
{
	for (size_t i = 0; i < sizeof(decodings) / sizeof(decodings[0]); i++) {
		struct slice in = slice_from_str(decodings[i].in);
		assert_text(mime_decode_all(*state, decodings[i].encoding, in, 1000),
		            decodings[i].out);
		for (size_t step = 1; step <= in.len; step++) {
			struct mime_decoder d;
			struct buf out = buf_make(1000);
			mime_decoder_create(&d, decodings[i].encoding);
			for (size_t at = 0; at < in.len; at += step)
				assert_int_equal(mime_decode(&d, slice_sub(in, at, step), &out), 0);
			assert_int_equal(mime_decode_end(&d, &out), 0);
			assert_text(buf_slice(&out), decodings[i].out);
			assert_int_equal(d.damaged, decodings[i].damaged);
			mime_decoder_destroy(&d);
			buf_free(&out);
		}
	}
	assert_text(mime_decode_all(*state, MIME_BASE64, SLICE("SGVsbG8="), 3), "Hel");
}

/* Lines without an end are decoded in pieces, not kept. */
static void test_endless_line(void **state)
{
	struct buf in = buf_make(1000000);
	for (int i = 0; i < 20000; i++)
		buf_append(&in, SLICE("=41b"));
	struct slice out = mime_decode_all(*state, MIME_QUOTED_PRINTABLE, buf_slice(&in), 1000000);
	assert_int_equal(out.len, 40000);
	for (size_t i = 0; i < out.len; i++)
		assert_int_equal(out.data[i], i % 2 ? 'b' : 'A');
	buf_free(&in);
}

static void assert_lines_short(struct slice text)
{
	while (text.len > 0) {
		struct slice line = slice_split(&text, '\n');
		assert_true(line.len <= 77);
	}
}

static void test_encoding_comes_back(void **state)
{
	static const char *const texts[] = {
		"",
		"a",
		"a\r\n",
		"trailing \r\nspaces\t\r\n",
		"=",
		"\xC3\xA4\xC3\xB6",
		"a\r\n\r\nb",
		("a long line that goes on and on and on and on and on until it has to be broken in"
		 " two or perhaps even three pieces, who knows, but never within =3D a "
		 "sequence\r\n"),
		"exactly seventy-six characters on this line, which needs no soft line break\r\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct slice text = slice_from_str(texts[i]);
		struct buf out = buf_make(10000);
		assert_int_equal(mime_encode_quoted_printable(text, &out), 0);
		assert_lines_short(buf_slice(&out));
		assert_text(mime_decode_all(*state, MIME_QUOTED_PRINTABLE, buf_slice(&out), 10000),
		            texts[i]);
		for (size_t step = 1; step <= text.len; step++) {
			struct mime_base64_encoder e = { 0 };
			buf_clear(&out);
			for (size_t at = 0; at < text.len; at += step)
				mime_encode_base64(&e, slice_sub(text, at, step), &out);
			assert_int_equal(mime_encode_base64_end(&e, &out), 0);
			assert_lines_short(buf_slice(&out));
			assert_text(mime_decode_all(*state, MIME_BASE64, buf_slice(&out), 10000),
			            texts[i]);
		}
		buf_free(&out);
	}
}

static void test_choosing_an_encoding(void **state)
{
	(void)state;
	char line[2000];
	memset(line, 'x', sizeof(line));
	assert_int_equal(mime_encoding_for(SLICE("plain = text\r\n")), MIME_7BIT);
	assert_int_equal(mime_encoding_for(SLICE("Gr\xC3\xBC\xC3\x9F"
	                                         "e aus Bonn, alles klar?")),
	                 MIME_QUOTED_PRINTABLE);
	assert_int_equal(mime_encoding_for(SLICE("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E")),
	                 MIME_BASE64);
	assert_int_equal(mime_encoding_for(slice_of(line, 998)), MIME_7BIT);
	assert_int_equal(mime_encoding_for(slice_of(line, 999)), MIME_QUOTED_PRINTABLE);
	assert_int_equal(mime_encoding_for(SLICE("bare\rCR and so on")), MIME_QUOTED_PRINTABLE);
	assert_int_equal(mime_encoding_for(SLICE("a NUL\0 and more text")), MIME_QUOTED_PRINTABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARENA_TEST(test_tree),
		ARENA_TEST(test_not_multipart),
		ARENA_TEST(test_a_message_in_a_message),
		ARENA_TEST(test_broken_nesting),
		ARENA_TEST(test_no_boundary),
		ARENA_TEST(test_boundary_by_rfc2231),
		ARENA_TEST(test_one_boundary_begins_another),
		ARENA_TEST(test_digest_and_odd_types),
		ARENA_TEST(test_limits),
		ARENA_TEST(test_decoding_at_every_cut),
		ARENA_TEST(test_endless_line),
		ARENA_TEST(test_encoding_comes_back),
		ARENA_TEST(test_choosing_an_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
