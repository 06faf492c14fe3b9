/* Encoded words: decoding and writing (RFC 2047). */
#include <errno.h>

#include "base/codec.h"
#include "base/cursor.h"
#include "message/charset.h"
#include "message/mime.h"

/* Of those we write: RFC 2047 section 2 allows 75, but a line with one may have 76 octets, and the
 * first stands behind the field's name. We read longer ones, as others write them. */
#define WORD_MAX 60
/* "=?utf-8?B?" and "?=" */
#define WORD_FRAME 12

struct word {
	struct slice charset;
	char encoding; /* 'B' or 'Q' */
	struct slice text;
};

static bool is_charset_byte(char c) { return byte_is_alnum(c) || (c && strchr("-_.:+*'", c)); }

/* encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" (RFC 2231 section
 * 5). Every scan ends at the next "?", so that no text is scanned more than a few times. */
static bool take_word(struct cursor *c, struct word *out)
{
	struct cursor at = *c;
	struct word w;
	if (!take_text(&at, SLICE("=?")) || !take_while(&at, is_charset_byte, 64, &w.charset) ||
	    !take_byte(&at, '?') || !take_any(&at, &w.encoding) || !take_byte(&at, '?') ||
	    !take_until(&at, '?', SIZE_MAX, &w.text) || !take_text(&at, SLICE("?=")))
		return false;
	w.encoding = byte_upper(w.encoding);
	if (w.encoding != 'B' && w.encoding != 'Q')
		return false;
	w.charset = slice_split(&w.charset, '*');
	*out = w;
	*c = at;
	return true;
}

size_t encoded_word_length(struct slice s)
{
	struct cursor c = cursor_of(s);
	struct word w;
	return take_word(&c, &w) ? (size_t)(c.at - s.data) : 0;
}

static int decode_q(struct slice text, struct buf *out)
{
	char *to = buf_reserve(out, text.len);
	size_t len = 0;
	if (!to)
		return -ENOBUFS;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '=' && i + 2 < text.len && byte_hex_value(text.data[i + 1]) >= 0 &&
		    byte_hex_value(text.data[i + 2]) >= 0) {
			c = (char)(byte_hex_value(text.data[i + 1]) << 4 |
			           byte_hex_value(text.data[i + 2]));
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		to[len++] = c;
	}
	buf_commit(out, len);
	return 0;
}

static int decode_b(struct slice text, struct buf *out)
{
	struct mime_decoder d;
	mime_decoder_create(&d, MIME_BASE64);
	int rc = mime_decode(&d, text, out);
	if (rc == 0)
		rc = mime_decode_end(&d, out);
	mime_decoder_destroy(&d);
	return rc;
}

/* Bytes of adjacent words in one charset, converted together: senders cut characters in two. */
struct decoding {
	struct buf *out;
	struct buf raw;
	struct slice charset;
};

static int decoding_flush(struct decoding *d)
{
	int rc = charset_append(d->out, d->charset, buf_slice(&d->raw));
	buf_clear(&d->raw);
	return rc;
}

static int decoding_word(struct decoding *d, const struct word *w)
{
	int rc = 0;
	if (!slice_equal_nocase(w->charset, d->charset)) {
		rc = decoding_flush(d);
		d->charset = w->charset;
	}
	if (rc < 0)
		return rc;
	return w->encoding == 'B' ? decode_b(w->text, &d->raw) : decode_q(w->text, &d->raw);
}

static int decoding_text(struct decoding *d, struct slice text)
{
	int rc = decoding_flush(d);
	d->charset = SLICE_EMPTY;
	return rc < 0 ? rc : charset_append(d->out, SLICE_EMPTY, text);
}

/* Where the next "=?" is, or the end. */
static const char *find_word(const struct cursor *c)
{
	ptrdiff_t at = slice_find(cursor_rest(c), SLICE("=?"));
	return at < 0 ? c->end : c->at + at;
}

static int decode_value(struct decoding *d, struct slice value)
{
	struct cursor c = cursor_of(value);
	const char *text = c.at; /* not yet handed on */
	bool after_word = false;
	int rc = 0;
	while (rc == 0) {
		struct word w;
		c.at = find_word(&c);
		if (c.at == c.end)
			break;
		struct slice between = slice_of(text, (size_t)(c.at - text));
		if (!take_word(&c, &w)) {
			c.at += 2;
			continue;
		}
		if (between.len > 0 && !(after_word && slice_trim(between).len == 0))
			rc = decoding_text(d, between);
		if (rc == 0)
			rc = decoding_word(d, &w);
		after_word = true;
		text = c.at;
	}
	if (rc == 0)
		rc = decoding_text(d, slice_of(text, (size_t)(c.end - text)));
	return rc;
}

/* Control characters become spaces, and what was cut in the middle of a character loses it. */
static struct slice finish(struct arena *arena, const struct buf *out, size_t max)
{
	struct slice made = buf_slice(out);
	if (made.len > max) {
		made.len = max;
		while (made.len > 0 && ((unsigned char)made.data[made.len] & 0xC0) == 0x80)
			made.len--;
	}
	char *text = arena_alloc(arena, made.len);
	for (size_t i = 0; i < made.len; i++) {
		unsigned char c = (unsigned char)made.data[i];
		text[i] = c < ' ' || c == 0x7F ? ' ' : (char)c;
	}
	return slice_of(text, made.len);
}

struct slice header_decode(struct arena *arena, struct slice value, size_t max)
{
	value = header_unfold(arena, value);
	value = slice_sub(value, 0, max * 4 + 4096);
	struct buf out = buf_make(value.len * 4 + 16);
	struct decoding d = { .out = &out,
		              .raw = buf_make(value.len + 16),
		              .charset = SLICE_EMPTY };
	/* The buffers hold whatever the value can yield. */
	(void)decode_value(&d, value);
	struct slice text = finish(arena, &out, max);
	buf_free(&d.raw);
	buf_free(&out);
	return text;
}

/* RFC 2047 section 5 (3): what may stand for itself in a Q word anywhere, phrases included. */
static bool is_q_plain(char c) { return byte_is_alnum(c) || (c && strchr("!*+-/", c)); }

static size_t q_length(struct slice text)
{
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++)
		len += is_q_plain(text.data[i]) || text.data[i] == ' ' ? 1 : 3;
	return len;
}

static int put_q(struct buf *out, struct slice text)
{
	int rc = 0;
	for (size_t i = 0; i < text.len && rc == 0; i++) {
		char c = text.data[i];
		if (c == ' ')
			rc = buf_append_byte(out, '_');
		else if (is_q_plain(c))
			rc = buf_append_byte(out, c);
		else
			rc = buf_printf(out, "=%02X", (unsigned char)c);
	}
	return rc;
}

/* How many bytes go into one word, whole characters of UTF-8 only. */
static size_t word_fit(struct slice text, bool q)
{
	size_t len = 0, used = 0;
	while (len < text.len) {
		size_t step = 1;
		while (len + step < text.len && step < 4 &&
		       ((unsigned char)text.data[len + step] & 0xC0) == 0x80)
			step++;
		used += q ? q_length(slice_sub(text, len, step)) : step;
		if (q ? used > WORD_MAX - WORD_FRAME : (used + 2) / 3 * 4 > WORD_MAX - WORD_FRAME)
			break;
		len += step;
	}
	return len;
}

int header_put_words(struct buf *out, struct slice text)
{
	bool q = q_length(text) <= (text.len + 2) / 3 * 4;
	int rc = 0;
	for (bool first = true; text.len > 0 && rc == 0; first = false) {
		size_t len = word_fit(text, q);
		struct slice piece = slice_sub(text, 0, len);
		text = slice_from(text, len);
		if (!first)
			buf_append_byte(out, ' ');
		buf_append(out, q ? SLICE("=?utf-8?Q?") : SLICE("=?utf-8?B?"));
		rc = q ? put_q(out, piece) : base64_encode(piece, out);
		if (rc == 0)
			rc = buf_append(out, SLICE("?="));
	}
	return rc;
}
