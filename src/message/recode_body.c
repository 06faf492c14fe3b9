#include "message/recode_body.h"

#include "message/recode.h"

enum {
	CHUNK = 16 * 1024,
	QP_LINE_MAX = 75, /* and the "=" of a soft line break */
};

/* --- quoted-printable (RFC 2045 section 6.7) ----------------------------------------- */

struct qp {
	struct outlet *out;
	size_t column;
};

static void qp_newline(struct qp *q, bool soft)
{
	buf_append(&q->out->made, soft ? SLICE("=\r\n") : SLICE("\r\n"));
	q->column = 0;
	outlet_turn(q->out);
}

static void qp_put(struct qp *q, struct slice token)
{
	if (q->column + token.len > QP_LINE_MAX)
		qp_newline(q, true);
	buf_append(&q->out->made, token);
	q->column += token.len;
}

static void qp_escape(struct qp *q, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char token[] = { '=', digits[(unsigned char)c >> 4], digits[c & 15] };
	qp_put(q, slice_of(token, sizeof(token)));
}

static bool qp_is_plain(char c) { return (c >= ' ' && c < 0x7F && c != '=') || c == '\t'; }

/* The line end at the start of s: its length, or 0. The end of the body is none. */
static size_t line_end_length(struct slice s)
{
	if (s.len > 0 && s.data[0] == '\n')
		return 1;
	return s.len > 1 && s.data[0] == '\r' && s.data[1] == '\n' ? 2 : 0;
}

void recode_to_quoted_printable(struct outlet *out, struct slice body)
{
	struct qp q = { .out = out };
	while (body.len > 0) {
		size_t end = line_end_length(body);
		char c = body.data[0];
		if (end > 0) {
			qp_newline(&q, false);
			body = slice_from(body, end);
			continue;
		}
		body = slice_from(body, 1);
		/* A space at the end of a line would be taken off on the way. */
		bool last = body.len == 0 || line_end_length(body) > 0;
		if (qp_is_plain(c) && !(last && byte_is_space(c)))
			qp_put(&q, slice_of(&c, 1));
		else
			qp_escape(&q, c);
	}
}

/* "=XX" at the start of s. */
static bool is_escape(struct slice s)
{
	return s.len > 2 && s.data[0] == '=' && byte_hex_value(s.data[1]) >= 0 &&
	       byte_hex_value(s.data[2]) >= 0;
}

static size_t blank_length(struct slice s)
{
	size_t i = 0;
	while (i < s.len && byte_is_space(s.data[i]))
		i++;
	return i;
}

/* Blanks at the end of a line are not part of the text; a "=" in front of them or of the line end
 * joins the lines. Returns what was used of s. */
static size_t mend_line_end(struct qp *q, struct slice s)
{
	bool soft = s.data[0] == '=';
	struct slice rest = slice_from(s, soft ? 1 : 0);
	size_t blank = blank_length(rest);
	rest = slice_from(rest, blank);
	size_t end = line_end_length(rest);
	if (end == 0 && rest.len > 0) {
		/* These blanks are text, and looked at once. */
		for (size_t i = 0; i < blank && !soft; i++)
			qp_put(q, slice_of(&s.data[i], 1));
		if (soft)
			qp_escape(q, '=');
		return soft ? 1 : blank;
	}
	/* In front of a soft one blanks count, at the end of the body too. */
	if (end > 0 || soft)
		qp_newline(q, soft);
	return s.len - rest.len + end;
}

void recode_mend_quoted_printable(struct outlet *out, struct slice body)
{
	struct qp q = { .out = out };
	while (body.len > 0) {
		char c = body.data[0];
		size_t used = 1;
		if (is_escape(body)) {
			used = 3;
			qp_put(&q, slice_sub(body, 0, 3));
		} else if (c == '=' || byte_is_space(c) || line_end_length(body) > 0) {
			used = mend_line_end(&q, body);
		} else if (qp_is_plain(c)) {
			qp_put(&q, slice_of(&c, 1));
		} else {
			qp_escape(&q, c);
		}
		body = slice_from(body, used);
	}
}

/* --- base64 -------------------------------------------------------------------------- */

void recode_to_base64(struct outlet *out, struct slice body, enum mime_encoding from)
{
	struct mime_base64_encoder encoder = { .held_count = 0 };
	struct mime_decoder decoder;
	struct buf plain = buf_make(2 * CHUNK);
	mime_decoder_create(&decoder, from);
	while (body.len > 0) {
		struct slice chunk = slice_sub(body, 0, CHUNK);
		body = slice_from(body, chunk.len);
		mime_decode(&decoder, chunk, &plain);
		if (body.len == 0)
			mime_decode_end(&decoder, &plain);
		mime_encode_base64(&encoder, buf_slice(&plain), &out->made);
		buf_clear(&plain);
		outlet_turn(out);
	}
	mime_encode_base64_end(&encoder, &out->made);
	mime_decoder_destroy(&decoder);
	buf_free(&plain);
}

/* --- between parts ------------------------------------------------------------------- */

void recode_gap(struct outlet *out, struct slice gap, unsigned goals)
{
	size_t column = 0;
	for (size_t i = 0; i < gap.len; i++) {
		char c = gap.data[i];
		if (column == MESSAGE_LINE_MAX && c != '\r' && c != '\n') {
			buf_append(&out->made, SLICE("\r\n"));
			column = 0;
		}
		if (c == '\0' || ((goals & RECODE_7BIT) && c & 0x80))
			c = '?';
		buf_append_byte(&out->made, c);
		column = c == '\n' ? 0 : column + 1;
		outlet_turn(out);
	}
}
