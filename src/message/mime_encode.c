/* Content transfer encoding, for composing. */
#include "base/codec.h"
#include "message/mime.h"

#define LINE_MAX_OCTETS 998 /* RFC 5322 section 2.1.1 */
#define QP_LINE_MAX     76

int mime_encode_base64(struct mime_base64_encoder *e, struct slice chunk, struct buf *out)
{
	int rc = 0;
	while (chunk.len > 0 && rc == 0) {
		struct slice take = slice_sub(chunk, 0, MIME_BASE64_LINE - e->held_count);
		chunk = slice_from(chunk, take.len);
		if (e->held_count + take.len < MIME_BASE64_LINE || e->held_count > 0) {
			memcpy(e->held + e->held_count, take.data, take.len);
			e->held_count += take.len;
			take = slice_of(e->held, e->held_count);
		}
		if (take.len < MIME_BASE64_LINE)
			break;
		e->held_count = 0;
		base64_encode(take, out);
		rc = buf_append(out, SLICE("\r\n"));
	}
	return rc;
}

int mime_encode_base64_end(struct mime_base64_encoder *e, struct buf *out)
{
	if (e->held_count == 0)
		return 0;
	base64_encode(slice_of(e->held, e->held_count), out);
	e->held_count = 0;
	return buf_append(out, SLICE("\r\n"));
}

static bool qp_is_plain(char c) { return (c > ' ' && c < 0x7F && c != '=') || byte_is_space(c); }

/* One line without its end. */
static int qp_line(struct slice line, struct buf *out)
{
	size_t column = 0;
	int rc = 0;
	for (size_t i = 0; i < line.len && rc == 0; i++) {
		char c = line.data[i];
		bool last = i + 1 == line.len;
		bool plain = qp_is_plain(c) && !(last && byte_is_space(c));
		size_t width = plain ? 1 : 3;
		/* The last character needs no room for a soft line break behind it. */
		if (column + width > QP_LINE_MAX - (last ? 0 : 1)) {
			buf_append(out, SLICE("=\r\n"));
			column = 0;
		}
		rc = plain ? buf_append_byte(out, c) : buf_printf(out, "=%02X", (unsigned char)c);
		column += width;
	}
	return rc;
}

int mime_encode_quoted_printable(struct slice text, struct buf *out)
{
	int rc = 0;
	while (text.len > 0 && rc == 0) {
		const char *lf = memchr(text.data, '\n', text.len);
		struct slice line = lf ? slice_sub(text, 0, (size_t)(lf - text.data)) : text;
		text = slice_from(text, line.len + 1);
		if (lf && line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		rc = qp_line(line, out);
		if (rc == 0 && lf)
			rc = buf_append(out, SLICE("\r\n"));
	}
	return rc;
}

enum mime_encoding mime_encoding_for(struct slice text)
{
	size_t escapes = 0, line = 0, longest = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool ends = c == '\n' ||
		            (c == '\r' && i + 1 < text.len && text.data[i + 1] == '\n');
		line = ends ? 0 : line + 1;
		longest = line > longest ? line : longest;
		escapes += !ends && !qp_is_plain(c) && c != '=';
	}
	if (escapes == 0 && longest <= LINE_MAX_OCTETS)
		return MIME_7BIT;
	return escapes * 2 > text.len / 3 ? MIME_BASE64 : MIME_QUOTED_PRINTABLE;
}
