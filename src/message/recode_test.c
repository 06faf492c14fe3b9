#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "message/recode.h"

#define MIB (1024 * 1024)

struct bench {
	struct arena *arena;
	struct buf in, out;
};

static int setup(void **state)
{
	struct bench *b = mem_zero(1, sizeof(*b));
	b->arena = arena_new();
	b->in = buf_make(64 * MIB);
	b->out = buf_make(128 * MIB);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	arena_free(b->arena);
	buf_free(&b->in);
	buf_free(&b->out);
	free(b);
	return 0;
}

static int recode(struct bench *b, struct slice in, unsigned goals)
{
	struct recode *r;
	buf_clear(&b->out);
	int rc = recode_plan(b->arena, in, &MESSAGE_LIMITS_DEFAULT, goals, &r);
	if (rc <= 0)
		return rc;
	assert_int_equal(recode_write(r, NULL, NULL, dot_sink_buf, &b->out), 0);
	/* What was made needs nothing more. */
	assert_int_equal(
		recode_plan(b->arena, buf_slice(&b->out), &MESSAGE_LIMITS_DEFAULT, goals, &r), 0);
	return rc;
}

static void expect(struct bench *b, unsigned goals, const char *in, const char *want)
{
	assert_true(recode(b, slice_from_str(in), goals) > 0);
	assert_string_equal(arena_str(b->arena, buf_slice(&b->out)), want);
}

static void fill(struct bench *b, const char *unit, size_t size)
{
	size_t end = b->in.len + size;
	while (b->in.len < end)
		buf_append(&b->in, slice_from_str(unit));
}

static void test_nothing_to_do(void **state)
{
	struct bench *b = *state;
	static const char *const messages[] = {
		"",
		"\r\n",
		"A: b\r\n",
		"A: b\r\n\r\ntext\r\n",
		"no header\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
	};
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		assert_int_equal(recode(b, slice_from_str(messages[i]), 7), 0);
}

static void test_to_7bit(void **state)
{
	struct bench *b = *state;
	expect(b, RECODE_7BIT,
	       "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
	       "content-transfer-encoding: 8bit\r\n\r\nlangsam gr\xC3\xBC\xC3\x9F"
	       "e =\t\r\nend ",
	       "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
	       "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	       "langsam gr=C3=BC=C3=9Fe =3D=09\r\nend=20");
	/* No MIME at all. */
	expect(b, RECODE_7BIT, "Subject: x\r\n\r\n\xC3\xA4\xC3\xB6\r\n",
	       "Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	       "w6TDtg0K\r\n");
	/* Only labels. */
	expect(b, RECODE_7BIT, "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n\r\nx\r\n",
	       "Content-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n\r\nx\r\n");
	expect(b, RECODE_7BIT,
	       "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	       "Content-Transfer-Encoding: 8bit\r\n\r\npr\xC3\xA4\r\n--b\r\n\r\nx\r\n--b\r\n"
	       "Content-Type: image/x\r\nContent-Transfer-Encoding: "
	       "8bit\r\n\r\n\xFF\xFE\r\n--b--\r\n",
	       "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	       "Content-Transfer-Encoding: 7bit\r\n\r\npr??\r\n--b\r\n\r\nx\r\n--b\r\n"
	       "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n//4=\r\n"
	       "\r\n--b--\r\n");
}

static void test_binary(void **state)
{
	struct bench *b = *state;
	const char in[] = "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
			  "Content-Transfer-Encoding: binary\r\n\r\n\0\n";
	assert_int_equal(recode(b, slice_of(in, sizeof(in) - 1), RECODE_BINARY), 1);
	assert_string_equal(arena_str(b->arena, buf_slice(&b->out)),
	                    "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
	                    "Content-Transfer-Encoding: base64\r\n\r\nAAo=\r\n");
	expect(b, RECODE_BINARY,
	       "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\xC3\r\n",
	       "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xC3\r\n");
}

/* The leaves of both, decoded, are the same. */
static void compare(struct bench *b)
{
	const struct mime_part *p = mime_parse(b->arena, buf_slice(&b->in),
	                                       &MESSAGE_LIMITS_DEFAULT);
	const struct mime_part *q = mime_parse(b->arena, buf_slice(&b->out),
	                                       &MESSAGE_LIMITS_DEFAULT);
	const struct mime_part *top = p;
	for (;;) {
		assert_true(slice_equal(p->type, q->type) && slice_equal(p->subtype, q->subtype));
		assert_int_equal(p->child_count, q->child_count);
		if (p->first) {
			p = p->first;
			q = q->first;
			continue;
		}
		struct slice was = mime_decode_all(b->arena, p->encoding,
		                                   mime_body(p, buf_slice(&b->in)), SIZE_MAX);
		struct slice is = mime_decode_all(b->arena, q->encoding,
		                                  mime_body(q, buf_slice(&b->out)), SIZE_MAX);
		assert_true(slice_equal(was, is));
		while (p != top && !p->next) {
			p = p->parent;
			q = q->parent;
		}
		if (p == top)
			return;
		p = p->next;
		q = q->next;
	}
}

static void part(struct bench *b, const char *type, const char *encoding, const char *unit,
                 size_t size)
{
	buf_printf(&b->in, "\r\n--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	           type, encoding);
	fill(b, unit, size);
}

static void test_long_lines(void **state)
{
	struct bench *b = *state;
	buf_append(&b->in, SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
	fill(b, "preamble ", 3000);
	part(b, "text/plain", "7bit", "0123456789 ", 998);
	part(b, "text/plain", "7bit", "short\r\n", 3000);
	part(b, "text/html", "8bit", "0123456789 \xC3\xA4 . =", MIB);
	part(b, "text/html", "8bit", "\xC3\xA4", MIB);
	part(b, "application/x", "7bit", "x", 999);
	part(b, "application/x", "base64", "QUJD", MIB);
	part(b, "text/x", "quoted-printable", "=41b= c=\t=3D \xC3", MIB);
	part(b, "text/x", "quoted-printable", "line   \r\nsoft= \r\n", 5000);
	part(b, "message/rfc822", "7bit", "Subject: x\r\n\r\n", 1);
	fill(b, "y ", 4000);
	buf_append(&b->in, SLICE("\r\n--b--\r\n"));
	fill(b, "epilogue ", 3000);
	assert_int_equal(recode(b, buf_slice(&b->in), RECODE_LINES), 9);
	compare(b);
	assert_true(recode(b, buf_slice(&b->in), RECODE_LINES | RECODE_7BIT) >= 9);
	assert_true(slice_is_ascii(buf_slice(&b->out)));
	compare(b);
}

static void test_refused(void **state)
{
	static const char *const headers[] = {
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n",
		"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\n",
		"Content-Transfer-Encoding: x-own\r\n\r\n",
		"Content-Transfer-Encoding: x-uuencode\r\n\r\n",
		"Content-Type: message/partial; id=1; number=1\r\n\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b ",
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		buf_clear(&b->in);
		buf_append(&b->in, slice_from_str(headers[i]));
		assert_true(recode(b, buf_slice(&b->in), RECODE_LINES) >= 0);
		fill(b, i == 6 ? " " : "long ", 1200);
		buf_append(&b->in, SLICE("x"));
		if (i == 6)
			buf_append(&b->in, SLICE("\r\n--b\r\n\r\n"));
		assert_int_equal(recode(b, buf_slice(&b->in), RECODE_LINES),
		                 i == 6 ? 1 : -EOPNOTSUPP);
	}
}

/* Parts beyond the limits are not touched, and not lost. */
static void test_limits(void **state)
{
	struct bench *b = *state;
	buf_append(&b->in, SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 1100; i++)
		part(b, "text/plain", "7bit", "short\r\n", 1);
	assert_int_equal(recode(b, buf_slice(&b->in), RECODE_LINES), 0);
	part(b, "text/plain", "7bit", "long ", 1000);
	assert_int_equal(recode(b, buf_slice(&b->in), RECODE_LINES), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_to_do, setup, teardown),
		cmocka_unit_test_setup_teardown(test_to_7bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_binary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
