#include "imap/imap_envelope.h"

#include "imap/imap_lexer.h"
#include "message/header.h"

/* --- values -------------------------------------------------------------------------- */

/* The rest of a quoted string. */
static bool skip_quoted(struct cursor *c)
{
	struct slice rest = cursor_rest(c);
	ptrdiff_t quote = slice_find_byte(rest, '"');
	if (quote < 0)
		return false;
	size_t i = (size_t)quote;
	if (slice_find_byte(slice_sub(rest, 0, i), '\\') >= 0) {
		for (i = 0; i < rest.len && rest.data[i] != '"';)
			i += rest.data[i] == '\\' ? 2 : 1;
		if (i >= rest.len)
			return false;
	}
	c->at += i + 1;
	return true;
}

/* The rest of a literal, behind its brace. */
static bool skip_literal(struct cursor *c)
{
	struct slice bytes;
	uint32_t size;
	return imap_take_number(c, &size) && take_text(c, SLICE("}\r\n")) &&
	       take_bytes(c, size, &bytes);
}

/* A string, NIL, or parentheses with anything in them. */
static bool skip_value(struct cursor *c)
{
	unsigned depth = 0;
	do {
		if (cursor_at_end(c))
			return false;
		char byte = *c->at++;
		if ((byte == '"' && !skip_quoted(c)) || (byte == '{' && !skip_literal(c)))
			return false;
		if (byte == '(')
			depth++;
		else if (byte == ')' && depth-- == 0)
			return false;
		else if (byte == 'N' && depth == 0 && !take_text(c, SLICE("IL")))
			return false;
	} while (depth > 0);
	return true;
}

/* --- addresses ----------------------------------------------------------------------- */

static bool is_address_field(enum imap_envelope_field field)
{
	return field >= ENVELOPE_FROM && field <= ENVELOPE_BCC;
}

enum { ADDRESS_NAME, ADDRESS_ROUTE, ADDRESS_LOCAL, ADDRESS_HOST, ADDRESS_PARTS };

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
static bool take_address_parts(struct cursor *c, struct arena *arena,
                               struct slice part[static ADDRESS_PARTS])
{
	bool is_nil;
	if (!take_byte(c, '('))
		return false;
	for (size_t i = 0; i < ADDRESS_PARTS; i++) {
		if ((i > 0 && !imap_take_space(c)) ||
		    !imap_take_nstring(c, arena, &part[i], &is_nil))
			return false;
	}
	return take_byte(c, ')');
}

static bool take_address(struct cursor *c, struct arena *arena, struct buf *out)
{
	struct slice part[ADDRESS_PARTS];
	if (!take_address_parts(c, arena, part))
		return false;
	buf_append(out, header_decode(arena, part[ADDRESS_NAME], IMAP_ENVELOPE_TEXT_MAX));
	buf_append(out, SLICE(" <"));
	buf_append(out, part[ADDRESS_LOCAL]);
	buf_append(out, SLICE("@"));
	buf_append(out, part[ADDRESS_HOST]);
	buf_append(out, SLICE("> "));
	return true;
}

/* "(" 1*address ")" / nil; out may be refused more, which cuts the text off. */
static bool take_addresses(struct cursor *c, struct arena *arena, struct buf *out)
{
	if (imap_take_word(c, SLICE("NIL")))
		return true;
	if (!take_byte(c, '('))
		return false;
	while (cursor_peek(c) == '(') {
		if (!take_address(c, arena, out))
			return false;
		(void)imap_take_space(c);
	}
	return take_byte(c, ')');
}

static struct slice addresses_text(struct cursor c, struct arena *arena)
{
	struct buf text = buf_make(IMAP_ENVELOPE_TEXT_MAX);
	bool ok = take_addresses(&c, arena, &text);
	struct slice out = ok ? arena_copy(arena, buf_slice(&text)) : SLICE_EMPTY;
	buf_free(&text);
	return out;
}

/* --- fields -------------------------------------------------------------------------- */

struct imap_envelope_walk imap_envelope_walk(struct slice envelope)
{
	return (struct imap_envelope_walk){ .envelope = envelope };
}

/* Goes to a field without looking into those before it. */
static bool walk_to(struct imap_envelope_walk *w, enum imap_envelope_field field)
{
	bool ok = true;
	if (!w->at.at || field < w->field) {
		w->at = cursor_of(w->envelope);
		w->field = ENVELOPE_DATE;
		ok = take_byte(&w->at, '(');
	}
	for (; ok && w->field < field; w->field++)
		ok = skip_value(&w->at) && imap_take_space(&w->at);
	if (!ok)
		w->at.at = NULL;
	return ok;
}

struct slice imap_envelope_next(struct arena *arena, struct imap_envelope_walk *w,
                                enum imap_envelope_field field)
{
	struct slice text;
	bool is_nil;
	if (!walk_to(w, field))
		return SLICE_EMPTY;
	struct cursor c = w->at;
	if (is_address_field(field))
		return addresses_text(c, arena);
	if (!imap_take_nstring(&c, arena, &text, &is_nil))
		return SLICE_EMPTY;
	if (field == ENVELOPE_SUBJECT)
		text = header_decode(arena, text, IMAP_ENVELOPE_TEXT_MAX);
	return text.len <= IMAP_ENVELOPE_TEXT_MAX ? text : SLICE_EMPTY;
}

struct slice imap_envelope_field(struct arena *arena, struct slice envelope,
                                 enum imap_envelope_field field)
{
	struct imap_envelope_walk w = imap_envelope_walk(envelope);
	return arena_copy(arena, imap_envelope_next(arena, &w, field));
}

struct slice imap_envelope_address(struct arena *arena, struct slice envelope,
                                   enum imap_envelope_field field, bool display)
{
	struct imap_envelope_walk w = imap_envelope_walk(envelope);
	struct slice part[ADDRESS_PARTS];
	if (!is_address_field(field) || !walk_to(&w, field) || !take_byte(&w.at, '(') ||
	    !take_address_parts(&w.at, arena, part))
		return SLICE_EMPTY;
	if (!display)
		return part[ADDRESS_LOCAL];
	if (part[ADDRESS_NAME].len > 0)
		return header_decode(arena, part[ADDRESS_NAME], IMAP_ENVELOPE_TEXT_MAX);
	struct slice address[] = { part[ADDRESS_LOCAL], SLICE("@"), part[ADDRESS_HOST] };
	return arena_concat(arena, address, 3);
}

struct slice imap_first_id(struct slice text)
{
	ptrdiff_t open = slice_find_byte(text, '<');
	if (open < 0)
		return SLICE_EMPTY;
	text = slice_from(text, (size_t)open);
	ptrdiff_t close = slice_find_byte(text, '>');
	return close < 0 ? SLICE_EMPTY : slice_sub(text, 0, (size_t)close + 1);
}
