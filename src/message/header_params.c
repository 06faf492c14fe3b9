/* Parameters of MIME fields (RFC 2045 section 5.1, RFC 2231). */
#include "base/cursor.h"
#include "message/charset.h"

/* Folding white space and comments (RFC 5322 section 3.2.2); an open comment reaches the end. */
static void skip_cfws(struct cursor *c)
{
	size_t depth = 0;
	for (; c->at < c->end; c->at++) {
		char b = *c->at;
		if (b == '(')
			depth++;
		else if (depth == 0 && !byte_is_space(b) && b != '\r' && b != '\n')
			return;
		else if (depth > 0 && b == ')')
			depth--;
		else if (depth > 0 && b == '\\' && c->at + 1 < c->end)
			c->at++;
	}
}

/* What ends a value without quotes. RFC 2045 has more specials, but senders write "a/b", "[1]"
 * and "=" there. */
static inline bool ends_token(char c)
{
	return c == ';' || byte_is_space(c) || c == '\r' || c == '\n' || c == '(' || c == '"';
}

static struct slice take_token(struct cursor *c, bool name)
{
	const char *start = c->at;
	while (c->at < c->end && !ends_token(*c->at) && !(name && *c->at == '='))
		c->at++;
	return slice_of(start, (size_t)(c->at - start));
}

/* Behind the opening quote, to the closing one or the end. Copied only if something in it was
 * escaped or folded. */
static struct slice take_quoted(struct arena *arena, struct cursor *c)
{
	const char *start = c->at;
	bool plain = true;
	for (; c->at < c->end && *c->at != '"'; c->at++) {
		if (*c->at == '\\' && c->at + 1 < c->end) {
			c->at++;
			plain = false;
		} else if (*c->at == '\r' || *c->at == '\n') {
			plain = false;
		}
	}
	struct slice inner = slice_of(start, (size_t)(c->at - start));
	take_byte(c, '"');
	if (plain)
		return inner;
	char *copy = arena_alloc(arena, inner.len), *to = copy;
	for (size_t i = 0; i < inner.len; i++) {
		if (inner.data[i] == '\r' || inner.data[i] == '\n')
			continue;
		if (inner.data[i] == '\\' && i + 1 < inner.len)
			i++;
		*to++ = inner.data[i];
	}
	return slice_of(copy, (size_t)(to - copy));
}

/* A file name with spaces and no quotes goes on to the semicolon. */
static struct slice take_value(struct arena *arena, struct cursor *c)
{
	struct cursor start = *c;
	if (take_byte(c, '"'))
		return take_quoted(arena, c);
	struct slice value = take_token(c, false);
	struct cursor behind = *c;
	skip_cfws(c);
	if (cursor_at_end(c) || cursor_peek(c) == ';' || cursor_peek(&behind) == '"')
		return value;
	while (!cursor_at_end(c) && cursor_peek(c) != ';' && cursor_peek(c) != '(')
		c->at++;
	return slice_trim(slice_of(start.at, (size_t)(c->at - start.at)));
}

static void skip_to_semicolon(struct arena *arena, struct cursor *c)
{
	for (skip_cfws(c); !cursor_at_end(c) && cursor_peek(c) != ';'; skip_cfws(c)) {
		if (take_byte(c, '"'))
			take_quoted(arena, c);
		else
			c->at++;
	}
}

static bool take_param(struct arena *arena, struct cursor *c, struct header_param *out)
{
	skip_cfws(c);
	out->name = take_token(c, true);
	skip_cfws(c);
	if (out->name.len == 0 || !take_byte(c, '='))
		return false;
	skip_cfws(c);
	out->value = take_value(arena, c);
	return true;
}

size_t header_params(struct arena *arena, struct slice value, size_t max, struct slice *main_out,
                     struct header_param **params_out)
{
	struct cursor c = cursor_of(value);
	struct header_param *params = NULL;
	size_t count = 0, room = 0;
	skip_cfws(&c);
	*main_out = take_token(&c, false);
	skip_to_semicolon(arena, &c);
	while (count < max && take_byte(&c, ';')) {
		struct header_param p;
		if (take_param(arena, &c, &p)) {
			if (count == room) {
				struct header_param *old = params;
				room = room ? room * 2 : 4;
				params = arena_alloc(arena, room * sizeof(*params));
				if (count > 0)
					memcpy(params, old, count * sizeof(*params));
			}
			params[count++] = p;
		}
		skip_to_semicolon(arena, &c);
	}
	*params_out = params;
	return count;
}

static void append_percent(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '%' && i + 2 < text.len && byte_hex_value(text.data[i + 1]) >= 0 &&
		    byte_hex_value(text.data[i + 2]) >= 0) {
			c = (char)(byte_hex_value(text.data[i + 1]) << 4 |
			           byte_hex_value(text.data[i + 2]));
			i += 2;
		}
		buf_append_byte(out, c);
	}
}

/* name*, name*N and name*N* of RFC 2231: is this section of that name? */
static bool is_section(struct slice param, struct slice name, size_t section, bool *encoded_out)
{
	uint64_t number = 0;
	if (!slice_starts_with_nocase(param, name))
		return false;
	struct slice marks = slice_from(param, name.len);
	if (marks.len == 0 || marks.data[0] != '*')
		return false;
	marks = slice_from(marks, 1);
	*encoded_out = marks.len == 0 || marks.data[marks.len - 1] == '*';
	if (marks.len == 0)
		return section == 0;
	if (*encoded_out)
		marks.len--;
	return slice_to_u64(marks, &number) && number == section;
}

static const struct header_param *find_section(const struct header_param *params, size_t count,
                                               struct slice name, size_t section, bool *encoded_out)
{
	for (size_t i = 0; i < count; i++)
		if (is_section(params[i].name, name, section, encoded_out))
			return &params[i];
	return NULL;
}

/* charset'language'text, continued in the sections that follow. */
static bool find_extended(struct arena *arena, const struct header_param *params, size_t count,
                          struct slice name, struct slice *value_out)
{
	bool encoded;
	struct slice charset = SLICE_EMPTY;
	const struct header_param *p = find_section(params, count, name, 0, &encoded);
	if (!p)
		return false;
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += params[i].value.len;
	struct buf raw = buf_make(total + 1);
	for (size_t section = 0; p;) {
		struct slice text = p->value;
		if (encoded && section == 0) {
			charset = slice_split(&text, '\'');
			slice_split(&text, '\'');
		}
		if (encoded)
			append_percent(&raw, text);
		else
			buf_append(&raw, text);
		p = find_section(params, count, name, ++section, &encoded);
	}
	*value_out = charset_to_utf8(arena, charset, buf_slice(&raw));
	buf_free(&raw);
	return true;
}

bool header_param_find(struct arena *arena, const struct header_param *params, size_t count,
                       struct slice name, struct slice *value_out)
{
	if (find_extended(arena, params, count, name, value_out))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (!slice_equal_nocase(params[i].name, name))
			continue;
		*value_out = header_decode(arena, params[i].value, params[i].value.len * 4);
		return true;
	}
	return false;
}
