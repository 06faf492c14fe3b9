#include "base/cursor.h"

bool take_byte(struct cursor *c, char byte)
{
	if (c->at == c->end || *c->at != byte)
		return false;
	c->at++;
	return true;
}

bool take_byte_nocase(struct cursor *c, char byte)
{
	if (c->at == c->end || byte_lower(*c->at) != byte_lower(byte))
		return false;
	c->at++;
	return true;
}

bool take_any(struct cursor *c, char *byte_out)
{
	if (c->at == c->end)
		return false;
	*byte_out = *c->at++;
	return true;
}

bool take_text(struct cursor *c, struct slice text)
{
	if (!slice_starts_with(cursor_rest(c), text))
		return false;
	c->at += text.len;
	return true;
}

bool take_text_nocase(struct cursor *c, struct slice text)
{
	if (!slice_starts_with_nocase(cursor_rest(c), text))
		return false;
	c->at += text.len;
	return true;
}

bool take_bytes(struct cursor *c, size_t len, struct slice *out)
{
	if (cursor_left(c) < len)
		return false;
	*out = slice_of(c->at, len);
	c->at += len;
	return true;
}

bool take_while(struct cursor *c, bool (*is_member)(char), size_t max, struct slice *out)
{
	const char *at = c->at;
	while (at < c->end && is_member(*at))
		at++;
	size_t len = (size_t)(at - c->at);
	return len > 0 && len <= max && take_bytes(c, len, out);
}

bool take_until(struct cursor *c, char stop, size_t max, struct slice *out)
{
	/* No further: who comes here for each byte of a text would read all of it as often. */
	struct slice within = slice_sub(cursor_rest(c), 0, max < SIZE_MAX ? max + 1 : max);
	ptrdiff_t at = slice_find_byte(within, stop);
	return at >= 0 && take_bytes(c, (size_t)at, out);
}

void skip_space(struct cursor *c)
{
	while (c->at < c->end && byte_is_space(*c->at))
		c->at++;
}

bool take_number(struct cursor *c, uint64_t max, uint64_t *value_out)
{
	struct cursor walk = *c;
	struct slice digits;
	uint64_t value;
	if (!take_while(&walk, byte_is_digit, 20, &digits) || !slice_to_u64(digits, &value) ||
	    value > max)
		return false;
	*c = walk;
	*value_out = value;
	return true;
}
