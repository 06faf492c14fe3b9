#include "client/smtp_reply.h"

#include <errno.h>

#include "base/cursor.h"

void smtp_reply_create(struct smtp_reply *r)
{
	*r = (struct smtp_reply){ .text = buf_make(SMTP_REPLY_BYTES_MAX) };
}

void smtp_reply_destroy(struct smtp_reply *r) { buf_free(&r->text); }

void smtp_reply_reset(struct smtp_reply *r)
{
	r->code = 0;
	r->lines = 0;
	r->enhanced = (struct smtp_enhanced){ 0 };
	buf_clear(&r->text);
}

/* One to three digits; RFC 3463 section 2 has no leading zeros, but some servers write them. */
static bool take_short_number(struct cursor *c, uint16_t *out)
{
	struct slice digits;
	uint64_t value;
	if (!take_while(c, byte_is_digit, 3, &digits))
		return false;
	if (!slice_to_u64(digits, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

/* status-code = ( "2" / "4" / "5" ) "." subject "." detail        RFC 3463, section 2 */
static bool take_enhanced(struct cursor *c, struct smtp_enhanced *out)
{
	struct cursor at = *c;
	char class;
	struct smtp_enhanced e;
	if (!take_any(&at, &class) || (class != '2' && class != '4' && class != '5'))
		return false;
	if (!take_byte(&at, '.') || !take_short_number(&at, &e.subject))
		return false;
	if (!take_byte(&at, '.') || !take_short_number(&at, &e.detail))
		return false;
	int next = cursor_peek(&at);
	if (next != -1 && next != ' ')
		return false;
	e.class = (uint8_t)(class - '0');
	*out = e;
	*c = at;
	return true;
}

bool smtp_enhanced_parse(struct slice text, struct smtp_enhanced *out)
{
	struct cursor c = cursor_of(text);
	return take_enhanced(&c, out);
}

const char *smtp_enhanced_text(struct smtp_enhanced e, char out[static SMTP_ENHANCED_TEXT_MAX])
{
	snprintf(out, SMTP_ENHANCED_TEXT_MAX, "%u.%u.%u", e.class, e.subject, e.detail);
	return out;
}

/* Reply-code = %x32-35 %x30-35 %x30-39                     RFC 5321, section 4.2
 * The second digit is taken whatever it is: servers make up codes, the first is what counts. */
static bool take_code(struct cursor *c, int *code_out)
{
	struct cursor at = *c;
	struct slice digits;
	uint64_t value;
	if (!take_bytes(&at, 3, &digits) || !slice_to_u64(digits, &value))
		return false;
	if (value < 200 || value > 599)
		return false;
	*code_out = (int)value;
	*c = at;
	return true;
}

int smtp_reply_line(struct smtp_reply *r, struct slice line)
{
	struct cursor c = cursor_of(line);
	int code;
	if (line.len > SMTP_REPLY_LINE_MAX || r->lines >= SMTP_REPLY_LINES_MAX)
		return -EMSGSIZE;
	if (!take_code(&c, &code) || (r->lines > 0 && code != r->code))
		return -EPROTO;
	bool more = take_byte(&c, '-');
	/* "250" alone is a whole reply: RFC 5321 section 4.2.1 lets the space and text lack. */
	if (!more && !take_byte(&c, ' ') && !cursor_at_end(&c))
		return -EPROTO;
	r->code = code;
	struct slice text = cursor_rest(&c);
	struct smtp_enhanced e;
	if (r->enhanced.class == 0 && take_enhanced(&c, &e) && e.class == code / 100)
		r->enhanced = e;
	if (r->lines > 0)
		buf_append_byte(&r->text, '\n');
	buf_append(&r->text, text);
	r->lines++;
	if (buf_failed(&r->text))
		return -EMSGSIZE;
	return more ? 0 : 1;
}

struct slice smtp_reply_text(const struct smtp_reply *r, struct arena *arena, size_t max)
{
	struct slice text = slice_sub(buf_slice(&r->text), 0, max);
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		out[i] = byte < 0x20 || byte == 0x7f ? ' ' : text.data[i];
	}
	out[text.len] = '\0';
	return slice_of(out, text.len);
}
