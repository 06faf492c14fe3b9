#include "imap/imap_reply.h"

#include <errno.h>
#include <stdarg.h>

#include "imap/imap_utf7.h"

enum {
	QUOTED_MAX = 1000,       /* bytes of a quoted string; longer ones are literals */
	WRITE_PIECE = 256 << 10, /* of a literal between two looks at the time */
	PRINTED_MAX = 8192,      /* of one imap_printf() */
};

/* --- bytes --------------------------------------------------------------------------- */

void imap_extend(struct imap_session *s) { s->write_deadline = deadline_in(IMAP_WRITE_MS); }

static void keep_error(struct imap_session *s, int rc)
{
	if (rc < 0 && s->write_error == 0)
		s->write_error = rc;
}

void imap_write(struct imap_session *s, struct slice bytes)
{
	if (s->write_error == 0)
		keep_error(s, conn_write(s->session.conn, bytes, s->write_deadline));
}

void imap_printf(struct imap_session *s, const char *format, ...)
{
	struct buf text = buf_make(PRINTED_MAX);
	char small[256];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (len < (int)sizeof(small)) {
		imap_write(s, slice_of(small, len > 0 ? (size_t)len : 0));
		return;
	}
	char *at = buf_reserve(&text, (size_t)len + 1);
	va_start(args, format);
	if (at)
		vsnprintf(at, (size_t)len + 1, format, args);
	va_end(args);
	if (at)
		imap_write(s, slice_of(at, (size_t)len));
	else
		keep_error(s, -ENOBUFS);
	buf_free(&text);
}

void imap_write_number(struct imap_session *s, struct slice prefix, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	imap_write(s, prefix);
	imap_write(s, slice_of(digits + at, sizeof(digits) - at));
}

void imap_write_set(struct imap_session *s, const struct uid_set *set)
{
	for (size_t i = 0; i < set->count && s->write_error == 0; i++) {
		const struct uid_range *r = &set->ranges[i];
		imap_write_number(s, i ? SLICE(",") : SLICE_EMPTY, r->first);
		if (r->last > r->first)
			imap_write_number(s, SLICE(":"), r->last);
	}
}

void imap_flush(struct imap_session *s)
{
	if (s->write_error == 0)
		keep_error(s, conn_flush(s->session.conn, s->write_deadline));
}

/* --- strings ------------------------------------------------------------------------- */

static bool may_be_quoted(const struct imap_session *s, struct slice text)
{
	bool utf8 = imap_speaks_utf8(s) && slice_is_utf8(text);
	if (text.len > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '\r' || c == '\n' || c == '\0' || (c >= 0x80 && !utf8))
			return false;
	}
	return true;
}

void imap_write_string(struct imap_session *s, struct slice text)
{
	size_t start = 0;
	if (!may_be_quoted(s, text)) {
		imap_write_literal(s, text);
		return;
	}
	imap_write(s, SLICE("\""));
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '"' && text.data[i] != '\\')
			continue;
		imap_write(s, slice_sub(text, start, i - start));
		imap_write(s, SLICE("\\"));
		start = i;
	}
	imap_write(s, slice_from(text, start));
	imap_write(s, SLICE("\""));
}

/* A literal has no NUL (RFC 3501 section 4.3.1). Binary mail is kept encoded; this is for what was
 * signed, or was never declared binary. */
static void write_without_nul(struct imap_session *s, struct slice piece)
{
	for (ptrdiff_t nul; (nul = slice_find_byte(piece, '\0')) >= 0;) {
		imap_write(s, slice_sub(piece, 0, (size_t)nul));
		imap_write(s, SLICE("\x80"));
		piece = slice_from(piece, (size_t)nul + 1);
	}
	imap_write(s, piece);
}

static void write_pieces(struct imap_session *s, struct slice bytes,
                         void (*write)(struct imap_session *s, struct slice piece))
{
	while (bytes.len > 0 && s->write_error == 0) {
		imap_extend(s);
		write(s, slice_sub(bytes, 0, WRITE_PIECE));
		bytes = slice_from(bytes, bytes.len < WRITE_PIECE ? bytes.len : WRITE_PIECE);
	}
	imap_extend(s);
}

void imap_write_literal(struct imap_session *s, struct slice bytes)
{
	imap_printf(s, "{%zu}\r\n", bytes.len);
	write_pieces(s, bytes, write_without_nul);
}

void imap_write_literal8(struct imap_session *s, struct slice bytes)
{
	const char *tilde = slice_find_byte(bytes, '\0') >= 0 ? "~" : "";
	imap_printf(s, "%s{%zu}\r\n", tilde, bytes.len);
	write_pieces(s, bytes, imap_write);
}

void imap_write_astring(struct imap_session *s, struct slice text)
{
	bool atom = text.len > 0 && !slice_equal_nocase(text, SLICE("NIL"));
	for (size_t i = 0; i < text.len && atom; i++)
		atom = imap_is_atom_char(text.data[i]);
	if (atom)
		imap_write(s, text);
	else
		imap_write_string(s, text);
}

void imap_write_mailbox(struct imap_session *s, struct arena *arena, struct slice name)
{
	imap_write_astring(s, imap_speaks_utf8(s) ? name : imap_utf7_encode(arena, name));
}

/* --- lines --------------------------------------------------------------------------- */

void imap_bye(struct imap_session *s, const char *text)
{
	imap_printf(s, "* BYE %s\r\n", text);
	s->ending = true;
}

void imap_write_tagged(struct imap_session *s, struct slice tag, enum imap_status status,
                       const char *code, const char *text)
{
	static const char *const words[] = {
		[IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD"
	};
	imap_write(s, tag);
	imap_printf(s, " %s ", words[status]);
	if (code) {
		imap_write(s, SLICE("["));
		imap_write(s, slice_from_str(code));
		imap_write(s, SLICE("] "));
	}
	imap_printf(s, "%s\r\n", text);
}

void imap_continue(struct imap_session *s, struct slice text)
{
	imap_write(s, SLICE("+ "));
	imap_write(s, text);
	imap_write(s, SLICE("\r\n"));
	imap_flush(s);
}
