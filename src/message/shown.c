#include "message/shown.h"

#include "base/slice.h"

/* The first character; len 0: it is none. */
static struct slice take_one(struct slice rest)
{
	unsigned char lead = (unsigned char)rest.data[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
	struct slice one = slice_sub(rest, 0, len);
	return one.len == len && slice_is_utf8(one) ? one : SLICE_EMPTY;
}

static uint32_t code_point(struct slice one)
{
	uint32_t value = (unsigned char)one.data[0];
	if (one.len > 1)
		value &= 0xFFu >> (one.len + 1);
	for (size_t i = 1; i < one.len; i++)
		value = value << 6 | ((unsigned char)one.data[i] & 0x3F);
	return value;
}

static bool is_shown(uint32_t c, bool lines)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0x00, 0x1F },     { 0x7F, 0x9F },     { 0x200B, 0x200F },
		{ 0x2028, 0x202E }, { 0x2060, 0x206F }, { 0xFEFF, 0xFEFF },
	};
	if (lines && (c == '\n' || c == '\t'))
		return true;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	}
	return true;
}

struct slice shown_text(struct arena *arena, struct slice text, bool lines)
{
	struct slice rest = text;
	char *out = arena_alloc(arena, rest.len + 1), *at = out;
	while (rest.len > 0) {
		struct slice one = take_one(rest);
		/* Line ends of mail have one, too. */
		bool is_end = lines && slice_starts_with(rest, SLICE("\r\n"));
		rest = slice_from(rest, one.len > 0 ? one.len : 1);
		if (is_end)
			continue;
		if (one.len > 0 && is_shown(code_point(one), lines)) {
			memcpy(at, one.data, one.len);
			at += one.len;
		} else {
			*at++ = '?';
		}
	}
	*at = '\0';
	return slice_of(out, (size_t)(at - out));
}
