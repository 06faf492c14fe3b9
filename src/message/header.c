/* Walking over header fields, and unfolding. */
#include "message/header.h"

/* Past the end of the line that begins at at. */
static inline const char *line_after(const char *at, const char *end)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at));
	return lf ? lf + 1 : end;
}

/* The empty line that ends a header: its length, or 0 if there is none here. */
static inline size_t empty_line(const char *at, const char *end)
{
	if (*at == '\n')
		return 1;
	return *at == '\r' && end - at > 1 && at[1] == '\n' ? 2 : 0;
}

/* ftext of RFC 5322: printable and no colon. Spaces between name and colon are obsolete but
 * found. */
static bool split_name(struct slice whole, struct header_field *out)
{
	size_t i = 0;
	while (i < whole.len && whole.data[i] > ' ' && whole.data[i] < 0x7F && whole.data[i] != ':')
		i++;
	size_t name = i;
	while (i < whole.len && byte_is_space(whole.data[i]))
		i++;
	if (name == 0 || i == whole.len || whole.data[i] != ':')
		return false;
	out->name = slice_of(whole.data, name);
	out->value = slice_of(whole.data + i + 1, whole.len - i - 1);
	return true;
}

static struct slice without_line_end(struct slice s)
{
	if (s.len > 0 && s.data[s.len - 1] == '\n')
		s.len--;
	if (s.len > 0 && s.data[s.len - 1] == '\r')
		s.len--;
	return s;
}

bool header_next(struct header_walk *walk, struct header_field *out)
{
	const char *start = walk->rest.data, *end = start + walk->rest.len, *at;
	if (start == end || walk->ended)
		return false;
	size_t empty = empty_line(start, end);
	if (empty > 0) {
		walk->rest = slice_from(walk->rest, empty);
		walk->ended = true;
		return false;
	}
	at = line_after(start, end);
	while (at < end && byte_is_space(*at))
		at = line_after(at, end);
	out->whole = slice_of(start, (size_t)(at - start));
	walk->rest = slice_of(at, (size_t)(end - at));
	if (!split_name(out->whole, out)) {
		out->name = SLICE_EMPTY;
		out->value = out->whole;
	}
	out->value = without_line_end(out->value);
	return true;
}

size_t header_length(struct slice message)
{
	const char *at = message.data, *end = at + message.len;
	while (at < end) {
		size_t empty = empty_line(at, end);
		if (empty > 0)
			return (size_t)(at - message.data) + empty;
		at = line_after(at, end);
	}
	return message.len;
}

bool header_find(struct slice header, struct slice name, struct slice *value_out)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	while (header_next(&walk, &field)) {
		if (field.name.len == name.len && slice_equal_nocase(field.name, name)) {
			*value_out = field.value;
			return true;
		}
	}
	return false;
}

struct slice header_unfold(struct arena *arena, struct slice value)
{
	value = slice_trim(value);
	if (value.len == 0 || !memchr(value.data, '\n', value.len))
		return value;
	char *line = arena_alloc(arena, value.len), *to = line;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c == '\n' || (c == '\r' && i + 1 < value.len && value.data[i + 1] == '\n'))
			continue;
		*to++ = c;
	}
	return slice_of(line, (size_t)(to - line));
}
