#include "trust/dkim_tag.h"

static bool is_name(struct slice name)
{
	if (name.len == 0 || !byte_is_alpha(name.data[0]))
		return false;
	for (size_t i = 1; i < name.len; i++) {
		if (!byte_is_alnum(name.data[i]) && name.data[i] != '_' && name.data[i] != '-')
			return false;
	}
	return true;
}

static bool is_white(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

/* tval = 1*VALCHAR; and what RFC 8616 adds. */
static bool is_value(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (((unsigned char)c < ' ' && !is_white(c)) || c == 0x7F)
			return false;
	}
	return true;
}

static bool add(struct dkim_tags *tags, struct slice part)
{
	ptrdiff_t equals = slice_find_byte(part, '=');
	if (equals < 0 || tags->count == DKIM_TAGS_MAX)
		return false;
	struct dkim_tag *tag = &tags->items[tags->count];
	tag->name = slice_trim(slice_sub(part, 0, (size_t)equals));
	tag->raw = slice_from(part, (size_t)equals + 1);
	tag->value = slice_trim(tag->raw);
	for (size_t i = 0; i < tags->count; i++) {
		if (slice_equal(tags->items[i].name, tag->name))
			return false;
	}
	tags->count++;
	return is_name(tag->name) && is_value(tag->value);
}

bool dkim_tags_parse(struct slice text, struct dkim_tags *out)
{
	out->count = 0;
	while (text.len > 0) {
		struct slice part = slice_split(&text, ';');
		if (slice_trim(part).len > 0 && !add(out, part))
			return false;
	}
	return true;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name)
{
	struct slice wanted = slice_from_str(name);
	for (size_t i = 0; i < tags->count; i++) {
		if (slice_equal(tags->items[i].name, wanted))
			return &tags->items[i];
	}
	return NULL;
}

struct slice dkim_tags_value(const struct dkim_tags *tags, const char *name)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	return tag ? tag->value : SLICE_EMPTY;
}

struct slice dkim_strip(struct arena *arena, struct slice value)
{
	size_t clean = 0;
	while (clean < value.len && !is_white(value.data[clean]))
		clean++;
	if (clean == value.len)
		return value;
	char *out = arena_alloc(arena, value.len);
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_white(value.data[i]))
			out[len++] = value.data[i];
	}
	return slice_of(out, len);
}

bool dkim_list_next(struct slice *rest, char separator, struct slice *item_out)
{
	if (rest->len == 0)
		return false;
	*item_out = slice_trim(slice_split(rest, separator));
	return true;
}

bool dkim_list_has(struct slice list, struct slice word)
{
	struct slice item;
	while (dkim_list_next(&list, ':', &item)) {
		if (slice_equal_nocase(item, word))
			return true;
	}
	return false;
}
