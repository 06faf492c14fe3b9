#include "imap/imap_utf7.h"

#include <errno.h>

#include "base/cursor.h"

/* --- characters ---------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int alphabet_value(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

static bool is_printable(uint32_t c) { return c >= 0x20 && c <= 0x7E; }

/* Appends a character; the caller has made room for four bytes. */
static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

/* The next character of valid UTF-8. */
static uint32_t take_utf8(struct cursor *c)
{
	char byte = 0;
	(void)take_any(c, &byte);
	unsigned char lead = (unsigned char)byte;
	int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
	uint32_t value = more ? lead & (0x3Fu >> more) : lead;
	for (; more > 0 && take_any(c, &byte); more--)
		value = value << 6 | (unsigned char)(byte & 0x3F);
	return value;
}

/* --- decoding ------------------------------------------------------------------------ */

struct utf7_decoder {
	char *out;
	size_t len;
	uint32_t high; /* the first half of a surrogate pair, or 0 */
};

static bool put_unit(struct utf7_decoder *d, uint32_t unit)
{
	bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
	if (is_low != (d->high != 0))
		return false;
	if (unit >= 0xD800 && unit <= 0xDBFF) {
		d->high = unit;
		return true;
	}
	if (is_low)
		unit = 0x10000 + ((d->high - 0xD800) << 10) + (unit - 0xDC00);
	d->high = 0;
	if (is_printable(unit))
		return false;
	d->len += put_utf8(d->out + d->len, unit);
	return true;
}

/* Behind "&" up to "-": base64 of UTF-16BE. */
static bool decode_shifted(struct cursor *c, struct utf7_decoder *d)
{
	uint32_t bits = 0;
	unsigned count = 0;
	char byte;
	while (take_any(c, &byte) && byte != '-') {
		int value = alphabet_value(byte);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		if (!put_unit(d, bits >> count & 0xFFFF))
			return false;
		bits &= (1u << count) - 1;
	}
	return c->at[-1] == '-' && d->high == 0 && count < 6 && bits == 0;
}

int imap_utf7_decode(struct arena *arena, struct slice name, struct slice *utf8_out)
{
	struct cursor c = cursor_of(name);
	/* Three characters of base64 are two bytes of UTF-16 are three of UTF-8 at most. */
	struct utf7_decoder d = { .out = arena_alloc(arena, name.len * 2 + 4) };
	bool just_shifted = false;
	char byte;

	if (slice_find_byte(name, '&') < 0) {
		*utf8_out = name;
		return slice_is_utf8(name) ? 0 : -EINVAL;
	}
	while (take_any(&c, &byte)) {
		if (byte != '&') {
			d.out[d.len++] = byte;
			just_shifted = false;
		} else if (take_byte(&c, '-')) {
			d.out[d.len++] = '&';
			just_shifted = false;
		} else if (just_shifted || !decode_shifted(&c, &d)) {
			return -EINVAL;
		} else {
			just_shifted = true;
		}
	}
	*utf8_out = slice_of(d.out, d.len);
	return slice_is_utf8(*utf8_out) ? 0 : -EINVAL;
}

/* --- encoding ------------------------------------------------------------------------ */

struct utf7_encoder {
	char *out;
	size_t len;
	bool shifted;
	uint32_t bits;
	unsigned count;
};

static void encode_bits(struct utf7_encoder *e, uint32_t unit)
{
	e->bits = e->bits << 16 | unit;
	for (e->count += 16; e->count >= 6; e->count -= 6)
		e->out[e->len++] = alphabet[e->bits >> (e->count - 6) & 0x3F];
	e->bits &= (1u << e->count) - 1;
}

static void encode_unshift(struct utf7_encoder *e)
{
	if (!e->shifted)
		return;
	if (e->count > 0)
		e->out[e->len++] = alphabet[e->bits << (6 - e->count) & 0x3F];
	e->out[e->len++] = '-';
	e->shifted = false;
	e->bits = e->count = 0;
}

static void encode_shifted(struct utf7_encoder *e, uint32_t c)
{
	if (!e->shifted)
		e->out[e->len++] = '&';
	e->shifted = true;
	if (c >= 0x10000) {
		c -= 0x10000;
		encode_bits(e, 0xD800 + (c >> 10));
		c = 0xDC00 + (c & 0x3FF);
	}
	encode_bits(e, c);
}

struct slice imap_utf7_encode(struct arena *arena, struct slice utf8)
{
	struct cursor c = cursor_of(utf8);
	/* A single control character becomes "&AAE-", five bytes. */
	struct utf7_encoder e = { .out = arena_alloc(arena, utf8.len * 5 + 8) };
	if (slice_is_ascii(utf8) && slice_find_byte(utf8, '&') < 0)
		return utf8;
	while (!cursor_at_end(&c)) {
		uint32_t character = take_utf8(&c);
		if (!is_printable(character)) {
			encode_shifted(&e, character);
			continue;
		}
		encode_unshift(&e);
		e.out[e.len++] = (char)character;
		if (character == '&')
			e.out[e.len++] = '-';
	}
	encode_unshift(&e);
	return slice_of(e.out, e.len);
}

/* --- patterns ------------------------------------------------------------------------ */

/* Goes back to the latest wildcard only, where it tries one byte more: "*" after "%" forgets it,
 * and "%" can't stretch over a "/", so that this stays quadratic at worst. */
static bool matches(struct slice pattern, struct slice name)
{
	size_t p = 0, n = 0, star_p = SIZE_MAX, star_n = 0, percent_p = SIZE_MAX, percent_n = 0;
	while (n < name.len || p < pattern.len) {
		char want = p < pattern.len ? pattern.data[p] : '\0';
		if (p < pattern.len && want == '*') {
			star_p = ++p;
			star_n = n;
			percent_p = SIZE_MAX;
		} else if (p < pattern.len && want == '%') {
			percent_p = ++p;
			percent_n = n;
		} else if (p < pattern.len && n < name.len && want == name.data[n]) {
			p++;
			n++;
		} else if (percent_p != SIZE_MAX && percent_n < name.len &&
		           name.data[percent_n] != '/') {
			p = percent_p;
			n = ++percent_n;
		} else if (star_p != SIZE_MAX && star_n < name.len) {
			p = star_p;
			n = ++star_n;
			percent_p = SIZE_MAX;
		} else {
			return false;
		}
	}
	return true;
}

bool imap_name_matches(struct slice pattern, struct slice name)
{
	struct slice inbox = SLICE("INBOX");
	if (matches(pattern, name))
		return true;
	/* The pattern may spell INBOX in another way. */
	if (!slice_starts_with(name, inbox) || !slice_starts_with_nocase(pattern, inbox) ||
	    (name.len > inbox.len && name.data[inbox.len] != '/'))
		return false;
	return matches(slice_from(pattern, inbox.len), slice_from(name, inbox.len));
}
