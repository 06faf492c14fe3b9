/* Content transfer decoding (RFC 2045 section 6; x-uuencode as UNIX has it). */
#include <errno.h>

#include "message/mime.h"

/* Of a line that is held back between chunks. Legal lines are far shorter; of longer ones
 * quoted-printable is decoded in pieces, uuencode thrown away. */
#define HELD_LINE_MAX 4096

enum { UU_BEFORE_BEGIN, UU_INSIDE, UU_AFTER_END };

enum mime_encoding mime_encoding_of(struct slice text)
{
	static const struct {
		const char *name;
		enum mime_encoding encoding;
	} names[] = {
		{ "7bit", MIME_7BIT },
		{ "8bit", MIME_8BIT },
		{ "binary", MIME_BINARY },
		{ "base64", MIME_BASE64 },
		{ "quoted-printable", MIME_QUOTED_PRINTABLE },
		{ "x-uuencode", MIME_UUENCODE },
		{ "x-uue", MIME_UUENCODE },
		{ "uuencode", MIME_UUENCODE },
	};
	text = slice_trim(text);
	if (text.len == 0)
		return MIME_7BIT;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equal_nocase(text, slice_from_str(names[i].name)))
			return names[i].encoding;
	return MIME_UNKNOWN;
}

void mime_decoder_create(struct mime_decoder *d, enum mime_encoding encoding)
{
	*d = (struct mime_decoder){ .encoding = encoding, .line = buf_make(HELD_LINE_MAX) };
}

void mime_decoder_destroy(struct mime_decoder *d) { buf_free(&d->line); }

/* Value of each digit plus one; 0: it is none. */
static const unsigned char sextets[256] = {
	['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
	14,         15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
	40,         41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

static inline int sextet(char c) { return sextets[(unsigned char)c] - 1; }

/* The whole groups in front: nearly all of a line. */
static size_t base64_groups(struct slice from, char *to)
{
	size_t at = 0;
	for (; at + 4 <= from.len; at += 4) {
		int a = sextet(from.data[at]), b = sextet(from.data[at + 1]);
		int c = sextet(from.data[at + 2]), d = sextet(from.data[at + 3]);
		if ((a | b | c | d) < 0)
			break;
		uint32_t bits = (uint32_t)(a << 18 | b << 12 | c << 6 | d);
		*to++ = (char)(bits >> 16);
		*to++ = (char)(bits >> 8);
		*to++ = (char)bits;
	}
	return at;
}

/* What an unfinished group of four holds. Encoded pieces that were glued together have their
 * padding in the middle, so decoding goes on behind it. */
static size_t base64_flush(struct mime_decoder *d, char *to)
{
	size_t len = d->held_count > 1 ? d->held_count - 1u : 0;
	if (d->held_count == 1)
		d->damaged = true;
	uint32_t bits = d->bits << (6 * (4 - d->held_count));
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(bits >> (16 - 8 * i));
	d->held_count = 0;
	d->bits = 0;
	return len;
}

static int base64_chunk(struct mime_decoder *d, struct slice chunk, struct buf *out)
{
	char *to = buf_reserve(out, chunk.len / 4 * 3 + 6);
	size_t len = 0;
	if (!to)
		return -ENOBUFS;
	for (size_t i = 0; i < chunk.len; i++) {
		if (d->held_count == 0) {
			size_t groups = base64_groups(slice_from(chunk, i), to + len);
			len += groups / 4 * 3;
			i += groups;
			if (i == chunk.len)
				break;
		}
		char c = chunk.data[i];
		int value = sextet(c);
		if (value >= 0) {
			d->bits = d->bits << 6 | (uint32_t)value;
			if (++d->held_count < 4)
				continue;
			to[len++] = (char)(d->bits >> 16);
			to[len++] = (char)(d->bits >> 8);
			to[len++] = (char)d->bits;
			d->held_count = 0;
			d->bits = 0;
		} else if (c == '=') {
			len += d->held_count > 0 ? base64_flush(d, to + len) : 0;
		} else if (!byte_is_space(c) && c != '\r' && c != '\n') {
			d->damaged = true;
		}
	}
	buf_commit(out, len);
	return 0;
}

static int base64_end(struct mime_decoder *d, struct buf *out)
{
	char bytes[3];
	if (d->held_count == 0)
		return 0;
	d->damaged = true;
	return buf_append(out, slice_of(bytes, base64_flush(d, bytes)));
}

/* Text of one line without its line end. */
static int qp_text(struct mime_decoder *d, struct slice text, struct buf *out)
{
	int rc = 0;
	while (text.len > 0 && rc == 0) {
		const char *mark = memchr(text.data, '=', text.len);
		size_t plain = mark ? (size_t)(mark - text.data) : text.len;
		rc = buf_append(out, slice_sub(text, 0, plain));
		text = slice_from(text, plain);
		if (rc < 0 || text.len == 0)
			break;
		int high = text.len > 2 ? byte_hex_value(text.data[1]) : -1;
		int low = text.len > 2 ? byte_hex_value(text.data[2]) : -1;
		if (high >= 0 && low >= 0) {
			rc = buf_append_byte(out, (char)(high << 4 | low));
			text = slice_from(text, 3);
		} else {
			d->damaged = true;
			rc = buf_append_byte(out, '=');
			text = slice_from(text, 1);
		}
	}
	return rc;
}

/* A line with its line end, which is missing at the end of the body. Spaces at its end were put
 * there on the way (RFC 2045 section 6.7, rule 3). */
static int qp_line(struct mime_decoder *d, struct slice line, struct buf *out)
{
	size_t len = line.len;
	if (len > 0 && line.data[len - 1] == '\n')
		len--;
	if (len < line.len && len > 0 && line.data[len - 1] == '\r')
		len--;
	struct slice end = slice_from(line, len);
	while (len > 0 && byte_is_space(line.data[len - 1]))
		len--;
	if (len > 0 && line.data[len - 1] == '=') {
		len--;
		end = SLICE_EMPTY;
	}
	int rc = qp_text(d, slice_sub(line, 0, len), out);
	return rc < 0 ? rc : buf_append(out, end);
}

/* Decodes from a line without an end all but what might be changed by what follows. */
static int qp_relieve(struct mime_decoder *d, struct buf *out)
{
	size_t len = d->line.len;
	while (len > 0 && d->line.len - len < 3 && d->line.data[len - 1] != '=')
		len--;
	if (len > 0 && d->line.data[len - 1] == '=')
		len--;
	int rc = qp_text(d, slice_sub(buf_slice(&d->line), 0, len), out);
	buf_consume(&d->line, len);
	return rc;
}

static int uu_line(struct mime_decoder *d, struct slice line, struct buf *out)
{
	line = slice_trim(line);
	if (d->state == UU_BEFORE_BEGIN) {
		d->state = slice_starts_with(line, SLICE("begin ")) ? UU_INSIDE : UU_BEFORE_BEGIN;
		return 0;
	}
	if (d->state == UU_AFTER_END || line.len == 0)
		return 0;
	if (slice_equal(line, SLICE("end"))) {
		d->state = UU_AFTER_END;
		return 0;
	}
	size_t count = (size_t)(line.data[0] - ' ') & 63;
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		size_t at = 1 + i / 3 * 4 + i % 3;
		/* Spaces at the end, which stand for zero, may have been cut off; not many. */
		if (at > line.len + 3)
			break;
		unsigned high = at < line.len ? (unsigned)(line.data[at] - ' ') & 63 : 0;
		unsigned low = at + 1 < line.len ? (unsigned)(line.data[at + 1] - ' ') & 63 : 0;
		unsigned pair = high << 6 | low;
		rc = buf_append_byte(out, (char)(pair >> (4 - 2 * (i % 3))));
	}
	return rc;
}

static int decode_line(struct mime_decoder *d, struct slice line, struct buf *out)
{
	if (d->encoding == MIME_QUOTED_PRINTABLE)
		return qp_line(d, line, out);
	return uu_line(d, line, out);
}

/* Keeps a part of a line for the next chunk. */
static int hold(struct mime_decoder *d, struct slice part, struct buf *out)
{
	int rc = 0;
	while (part.len > 0 && rc == 0) {
		struct slice piece = slice_sub(part, 0, HELD_LINE_MAX - d->line.len);
		buf_append(&d->line, piece);
		part = slice_from(part, piece.len);
		if (d->line.len < HELD_LINE_MAX)
			break;
		if (d->encoding == MIME_QUOTED_PRINTABLE) {
			rc = qp_relieve(d, out);
		} else {
			d->damaged = true;
			buf_clear(&d->line);
		}
	}
	return rc;
}

static int line_chunk(struct mime_decoder *d, struct slice chunk, struct buf *out)
{
	int rc = 0;
	while (chunk.len > 0 && rc == 0) {
		const char *lf = memchr(chunk.data, '\n', chunk.len);
		if (!lf)
			return hold(d, chunk, out);
		struct slice line = slice_sub(chunk, 0, (size_t)(lf - chunk.data) + 1);
		chunk = slice_from(chunk, line.len);
		if (d->line.len == 0) {
			rc = decode_line(d, line, out);
			continue;
		}
		rc = hold(d, line, out);
		if (rc == 0)
			rc = decode_line(d, buf_slice(&d->line), out);
		buf_clear(&d->line);
	}
	return rc;
}

int mime_decode(struct mime_decoder *d, struct slice chunk, struct buf *out)
{
	switch (d->encoding) {
	case MIME_BASE64:
		return base64_chunk(d, chunk, out);
	case MIME_QUOTED_PRINTABLE:
	case MIME_UUENCODE:
		return line_chunk(d, chunk, out);
	default:
		return buf_append(out, chunk);
	}
}

int mime_decode_end(struct mime_decoder *d, struct buf *out)
{
	int rc = d->line.len > 0 ? decode_line(d, buf_slice(&d->line), out) : 0;
	buf_clear(&d->line);
	if (d->encoding == MIME_UUENCODE && d->state != UU_AFTER_END)
		d->damaged = true;
	if (rc == 0 && d->encoding == MIME_BASE64)
		rc = base64_end(d, out);
	return rc;
}

struct slice mime_decode_all(struct arena *arena, enum mime_encoding encoding, struct slice body,
                             size_t max)
{
	struct mime_decoder d;
	if (encoding <= MIME_BINARY || encoding == MIME_UNKNOWN)
		return slice_sub(body, 0, max);
	/* Only broken uuencode grows by decoding, and by less than this. */
	struct buf out = buf_make(body.len * 2 + 8);
	mime_decoder_create(&d, encoding);
	size_t step = 64 * 1024;
	for (size_t at = 0; at < body.len && out.len < max; at += step)
		if (mime_decode(&d, slice_sub(body, at, step), &out) < 0)
			break;
	(void)mime_decode_end(&d, &out);
	mime_decoder_destroy(&d);
	struct slice decoded = arena_copy(arena, slice_sub(buf_slice(&out), 0, max));
	buf_free(&out);
	return decoded;
}
