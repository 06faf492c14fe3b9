#include "trust/authres.h"

#include "base/cursor.h"
#include "message/address.h"

enum { COMMENT_DEPTH_MAX = 16, WORD_MAX = 1024 };

/* --- reading ----------------------------------------------------------------------------- */

static bool is_white(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

/* token of RFC 2045, and UTF-8 (RFC 6532). */
static bool is_token(char c)
{
	return (unsigned char)c > ' ' && c != 0x7F && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* A pvalue need not be quoted where it is an address, and many write more than that. */
static bool is_loose(char c) { return (unsigned char)c > ' ' && c != 0x7F && !strchr("();\"", c); }

static bool is_keyword(char c) { return byte_is_alnum(c) || c == '-' || c == '_'; }

static bool skip_comment(struct cursor *c)
{
	int depth = 0;
	char byte;
	do {
		if (!take_any(c, &byte))
			return false;
		if (byte == '\\' && !take_any(c, &byte))
			return false;
		else if (byte == '(' && ++depth > COMMENT_DEPTH_MAX)
			return false;
		else if (byte == ')')
			depth--;
	} while (depth > 0);
	return true;
}

/* CFWS, or nothing; false for a comment that does not end. */
static bool skip_cfws(struct cursor *c)
{
	for (;;) {
		int next = cursor_peek(c);
		if (next == '(') {
			if (!skip_comment(c))
				return false;
		} else if (next >= 0 && is_white((char)next)) {
			c->at++;
		} else {
			return true;
		}
	}
}

/* Octets up to the quote that ends it; negative: there is none. */
static ptrdiff_t quoted_length(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			return (ptrdiff_t)i;
		if (text.data[i] == '\\')
			i++;
	}
	return -1;
}

static bool take_quoted(struct cursor *c, struct arena *arena, struct slice *out)
{
	struct cursor at = *c;
	if (!take_byte(&at, '"'))
		return false;
	ptrdiff_t length = quoted_length(cursor_rest(&at));
	if (length < 0)
		return false;
	struct slice raw = slice_of(at.at, (size_t)length);
	char *text = arena_alloc(arena, raw.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		i += raw.data[i] == '\\';
		if (raw.data[i] != '\r' && raw.data[i] != '\n')
			text[len++] = raw.data[i];
	}
	*out = slice_of(text, len);
	c->at = at.at + length + 1;
	return true;
}

/* value = token / quoted-string */
static bool take_value(struct cursor *c, struct arena *arena, struct slice *out)
{
	return take_quoted(c, arena, out) || take_while(c, is_token, WORD_MAX, out);
}

static bool take_keyword(struct cursor *c, struct slice *out)
{
	return skip_cfws(c) && take_while(c, is_keyword, WORD_MAX, out) && skip_cfws(c);
}

static bool is_digit(char c) { return byte_is_digit(c); }

/* [CFWS] authserv-id [ CFWS authres-version ] [CFWS] */
static bool take_id(struct cursor *c, struct arena *arena, struct slice *out)
{
	struct slice version;
	if (!skip_cfws(c) || !take_value(c, arena, out) || !skip_cfws(c))
		return false;
	if (take_while(c, is_digit, WORD_MAX, &version) && !slice_equal(version, SLICE("1")))
		return false;
	return skip_cfws(c);
}

/* [CFWS] method [ "/" version ] "=" result */
static bool take_method(struct cursor *c, struct authres_result *r)
{
	struct slice version;
	if (!take_keyword(c, &r->method))
		return false;
	if (take_byte(c, '/') &&
	    !(skip_cfws(c) && take_while(c, is_digit, WORD_MAX, &version) && skip_cfws(c)))
		return false;
	return take_byte(c, '=') && take_keyword(c, &r->result);
}

/* reason = value */
static bool take_reason(struct cursor *c, struct arena *arena, struct authres_result *r)
{
	struct cursor at = *c;
	struct slice word;
	if (!take_keyword(&at, &word) || !slice_equal_nocase(word, SLICE("reason")) ||
	    !take_byte(&at, '=') || !skip_cfws(&at) || !take_value(&at, arena, &r->reason) ||
	    !skip_cfws(&at))
		return false;
	*c = at;
	return true;
}

/* ptype "." property "=" pvalue */
static bool take_property(struct cursor *c, struct arena *arena, struct authres_property *p)
{
	struct cursor at = *c;
	if (!take_keyword(&at, &p->type) || !take_byte(&at, '.') || !take_keyword(&at, &p->name) ||
	    !take_byte(&at, '=') || !skip_cfws(&at))
		return false;
	if (!take_quoted(&at, arena, &p->value) && !take_while(&at, is_loose, WORD_MAX, &p->value))
		return false;
	if (!skip_cfws(&at))
		return false;
	*c = at;
	return true;
}

static bool take_result(struct cursor *c, struct arena *arena, struct authres_result *r)
{
	struct authres_property properties[AUTHRES_PROPERTIES_MAX];
	*r = (struct authres_result){ .reason = SLICE_EMPTY };
	if (!take_method(c, r))
		return false;
	take_reason(c, arena, r);
	while (r->property_count < AUTHRES_PROPERTIES_MAX &&
	       take_property(c, arena, &properties[r->property_count]))
		r->property_count++;
	r->properties = ARENA_ARRAY(arena, r->property_count + 1, struct authres_property);
	if (r->property_count > 0)
		memcpy(r->properties, properties, r->property_count * sizeof(*properties));
	return cursor_at_end(c) || cursor_peek(c) == ';';
}

/* "none" alone. */
static bool take_none(struct cursor *c)
{
	struct cursor at = *c;
	struct slice word;
	if (!take_keyword(&at, &word) || !slice_equal_nocase(word, SLICE("none")) ||
	    !cursor_at_end(&at))
		return false;
	*c = at;
	return true;
}

static size_t count_parts(struct slice value)
{
	size_t count = 1;
	for (size_t i = 0; i < value.len && count < AUTHRES_RESULTS_MAX; i++)
		count += value.data[i] == ';';
	return count;
}

bool authres_parse(struct arena *arena, struct slice value, struct authres *out)
{
	struct cursor c = cursor_of(value);
	*out = (struct authres){ .id = SLICE_EMPTY };
	if (value.len > AUTHRES_BYTES_MAX || !take_id(&c, arena, &out->id))
		return false;
	out->results = ARENA_ARRAY(arena, count_parts(value), struct authres_result);
	while (take_byte(&c, ';')) {
		if (!skip_cfws(&c))
			return false;
		/* A semicolon at the end is wrong, but found. */
		if (cursor_at_end(&c) || (out->count == 0 && take_none(&c)))
			return true;
		if (out->count == AUTHRES_RESULTS_MAX ||
		    !take_result(&c, arena, &out->results[out->count]))
			return false;
		out->count++;
	}
	return cursor_at_end(&c);
}

/* Whose it is; false if not even that can be read. */
static bool authres_parse_id(struct arena *arena, struct slice value, struct slice *id_out)
{
	struct cursor c = cursor_of(value);
	return skip_cfws(&c) && take_value(&c, arena, id_out);
}

static bool is_same_id(struct arena *arena, struct slice a, struct slice b)
{
	struct slice x, y;
	if (slice_equal_nocase(a, b))
		return true;
	return domain_canonical(arena, a, &x) && domain_canonical(arena, b, &y) &&
	       slice_equal(x, y);
}

bool authres_is_ours(struct arena *arena, struct slice value, struct slice our_id)
{
	struct slice id;
	if (!authres_parse_id(arena, value, &id))
		return slice_find_nocase(value, our_id) >= 0;
	return is_same_id(arena, id, our_id);
}

/* --- writing ----------------------------------------------------------------------------- */

static bool needs_quotes(struct slice value, bool loose)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!(loose ? is_loose(value.data[i]) : is_token(value.data[i])))
			return true;
	}
	return value.len == 0;
}

static void put_value(struct buf *out, struct slice value, bool loose)
{
	if (!needs_quotes(value, loose)) {
		buf_append(out, value);
		return;
	}
	buf_append_byte(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c == '"' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, (unsigned char)c < ' ' || c == 0x7F ? ' ' : c);
	}
	buf_append_byte(out, '"');
}

void authres_put_result(struct buf *out, const char *method, const char *result, const char *reason)
{
	buf_printf(out, ";\r\n\t%s=%s", method, result);
	if (!reason || !reason[0])
		return;
	buf_append(out, SLICE(" reason="));
	put_value(out, slice_from_str(reason), false);
}

/* local-part "@" domain stands without quotes (RFC 8601 section 2.2, pvalue). */
void authres_put_property(struct buf *out, const char *type, const char *name, struct slice value)
{
	ptrdiff_t at = slice_find_last_byte(value, '@');
	bool is_address = at >= 0 && !needs_quotes(slice_sub(value, 0, (size_t)at), false) &&
	                  domain_is_valid(slice_from(value, (size_t)at + 1));
	is_address |= at == 0 && domain_is_valid(slice_from(value, 1));
	buf_printf(out, "%s%s.%s=", value.len > 30 ? "\r\n\t\t" : " ", type, name);
	put_value(out, value, is_address);
}
