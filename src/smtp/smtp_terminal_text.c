/* What a message looks like on a terminal. */
#include "base/buf.h"
#include "smtp/smtp_terminal.h"

/* The length of the UTF-8 character that begins s, or 0 if none does; *code is what it stands for.
 */
static size_t take_character(struct slice s, unsigned *code)
{
	unsigned char first = (unsigned char)s.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	if (len > s.len || !slice_is_utf8(slice_sub(s, 0, len)))
		return 0;
	*code = len == 1 ? first : first & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++)
		*code = *code << 6 | ((unsigned char)s.data[i] & 0x3F);
	return len;
}

/* C0, DEL and C1 can move the cursor, set keys, or have the terminal answer. */
static bool is_control(unsigned code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

static void put_text(struct buf *out, struct slice text)
{
	while (text.len > 0 && !buf_failed(out)) {
		unsigned code = 0;
		size_t len = take_character(text, &code);
		if (len == 0)
			buf_append_byte(out, '?');
		else if (code == '\n')
			buf_append(out, SLICE("\r\n"));
		else if (code == '\t' || !is_control(code))
			buf_append(out, slice_sub(text, 0, len));
		text = slice_from(text, len > 0 ? len : 1);
	}
}

struct slice smtp_terminal_text(struct arena *arena, struct slice sender, struct slice message)
{
	struct buf out = buf_make(SMTP_TERMINAL_TEXT_MAX);
	buf_append(&out, SLICE("\r\nMessage from <"));
	put_text(&out, sender);
	buf_append(&out, SLICE("> ...\r\n"));
	put_text(&out, message);
	bool cut = buf_failed(&out);
	struct slice text = arena_concat(arena,
	                                 (struct slice[]){ buf_slice(&out),
	                                                   cut ? SLICE("\r\n[cut]") : SLICE_EMPTY,
	                                                   SLICE("\r\nEOF\r\n") },
	                                 3);
	buf_free(&out);
	return text;
}
