/* BODY out of BODYSTRUCTURE: the same without the extension data (RFC 3501 section 9):
 *
 *     body            = "(" (body-type-1part / body-type-mpart) ")"
 *     body-type-1part = seven fields, then for text the lines, for message/rfc822 an envelope, a
 *                       body and the lines; then extension data
 *     body-type-mpart = 1*body SP subtype; then extension data */
#include "base/cursor.h"
#include "message/summary.h"

static bool skip_quoted(struct cursor *c)
{
	char b;
	while (take_any(c, &b) && b != '"')
		if (b == '\\' && !take_any(c, &b))
			return false;
	return c->at[-1] == '"';
}

static bool skip_literal(struct cursor *c)
{
	uint64_t len;
	struct slice bytes;
	return take_number(c, UINT32_MAX, &len) && take_text(c, SLICE("}\r\n")) &&
	       take_bytes(c, len, &bytes);
}

/* One string, number, NIL or list with all in it. */
static bool skip_item(struct cursor *c)
{
	size_t depth = 0;
	do {
		char b;
		if (!take_any(c, &b))
			return false;
		if (b == '(') {
			depth++;
		} else if (b == ')') {
			if (depth-- == 0)
				return false;
		} else if (b == '"') {
			if (!skip_quoted(c))
				return false;
		} else if (b == '{') {
			if (!skip_literal(c))
				return false;
		} else if (b != ' ') {
			while (!cursor_at_end(c) && byte_is_alnum(*c->at))
				c->at++;
		}
	} while (depth > 0);
	return true;
}

/* The item, with the space before it, goes into the output. */
static bool copy_item(struct cursor *c, struct buf *out, struct slice *item_out)
{
	struct cursor start = *c;
	take_byte(c, ' ');
	struct cursor item = *c;
	if (!skip_item(c))
		return false;
	*item_out = slice_of(item.at, (size_t)(c->at - item.at));
	return buf_append(out, slice_of(start.at, (size_t)(c->at - start.at))) == 0;
}

/* From extension data to the parenthesis that closes its body, which is copied. */
static bool skip_extension(struct cursor *c, struct buf *out)
{
	while (take_byte(c, ' '))
		if (!skip_item(c))
			return false;
	return take_byte(c, ')') && buf_append_byte(out, ')') == 0;
}

/* Up to where the body in a message/rfc822 begins (*inner_out), or the end of the part. */
static bool copy_single(struct cursor *c, struct buf *out, bool *inner_out)
{
	struct slice item, type = SLICE_EMPTY, subtype = SLICE_EMPTY;
	for (int i = 0; i < 7; i++) {
		if (!copy_item(c, out, &item))
			return false;
		type = i == 0 ? item : type;
		subtype = i == 1 ? item : subtype;
	}
	*inner_out = slice_equal_nocase(type, SLICE("\"message\"")) &&
	             (slice_equal_nocase(subtype, SLICE("\"rfc822\"")) ||
	              slice_equal_nocase(subtype, SLICE("\"global\"")));
	if (*inner_out)
		return copy_item(c, out, &item) && take_byte(c, ' ') &&
		       buf_append_byte(out, ' ') == 0;
	if (slice_equal_nocase(type, SLICE("\"text\"")) && !copy_item(c, out, &item))
		return false;
	return skip_extension(c, out);
}

static bool copy_bodies(struct cursor *c, struct buf *out)
{
	size_t depth = 0;
	struct slice item;
	do {
		if (take_byte(c, '(')) {
			if (buf_append_byte(out, '(') < 0)
				return false;
			bool has_children = cursor_peek(c) == '(';
			if (!has_children && !copy_single(c, out, &has_children))
				return false;
			depth += has_children;
			continue;
		}
		/* The children are over: a multipart's subtype, a message's lines. */
		if (depth == 0 || !copy_item(c, out, &item) || !skip_extension(c, out))
			return false;
		depth--;
	} while (depth > 0);
	return true;
}

bool message_body_from_structure(struct arena *arena, struct slice body_structure,
                                 struct slice *body_out)
{
	struct cursor c = cursor_of(body_structure);
	struct buf out = buf_make(body_structure.len);
	bool right = copy_bodies(&c, &out) && cursor_at_end(&c);
	if (right)
		*body_out = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return right;
}
