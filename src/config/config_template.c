#include "config/config_template.h"

#include <stddef.h>

#include "base/buf.h"
#include "base/cursor.h"

enum { NAME_MAX_BYTES = 20, EXPANDED_MAX = 8192, FILE_NAME_MAX = 255 };

static const struct {
	struct slice name;
	size_t offset;
	bool from_strangers;
} placeholders[] = {
	{ SLICE("recipient"), offsetof(struct config_template_values, recipient), true },
	{ SLICE("local"), offsetof(struct config_template_values, local), true },
	{ SLICE("extension"), offsetof(struct config_template_values, extension), true },
	{ SLICE("domain"), offsetof(struct config_template_values, domain), true },
	{ SLICE("sender"), offsetof(struct config_template_values, sender), true },
	{ SLICE("queue_id"), offsetof(struct config_template_values, queue_id), true },
	{ SLICE("user"), offsetof(struct config_template_values, user), false },
	{ SLICE("home"), offsetof(struct config_template_values, home), false },
};
enum { PLACEHOLDERS = sizeof(placeholders) / sizeof(placeholders[0]) };

/* placeholder = "${" name "}" */
static bool take_placeholder(struct cursor *c, size_t *index_out)
{
	struct cursor at = *c;
	struct slice name;
	if (!take_text(&at, SLICE("${")) || !take_until(&at, '}', NAME_MAX_BYTES, &name) ||
	    !take_byte(&at, '}'))
		return false;
	for (size_t i = 0; i < PLACEHOLDERS; i++) {
		if (!slice_equal(placeholders[i].name, name))
			continue;
		*index_out = i;
		*c = at;
		return true;
	}
	return false;
}

bool config_template_has_any(const char *text)
{
	return slice_find(slice_from_str(text), SLICE("${")) >= 0;
}

bool config_template_is_good(const char *text)
{
	struct cursor c = cursor_of(slice_from_str(text));
	while (!cursor_at_end(&c)) {
		size_t index;
		char byte;
		bool begins = slice_starts_with(cursor_rest(&c), SLICE("${"));
		if (begins ? !take_placeholder(&c, &index) : !take_any(&c, &byte))
			return false;
	}
	return true;
}

static bool has_control(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

static bool may_stand_in_path(struct slice value)
{
	return value.len > 0 && value.len <= FILE_NAME_MAX && value.data[0] != '.' &&
	       slice_find_byte(value, '/') < 0;
}

const char *config_template_expand(struct arena *arena, const char *text,
                                   enum config_template_use use,
                                   const struct config_template_values *values)
{
	struct buf out = buf_make(EXPANDED_MAX);
	struct cursor c = cursor_of(slice_from_str(text));
	bool good = true;
	while (!cursor_at_end(&c) && good) {
		size_t index;
		char byte;
		if (!take_placeholder(&c, &index)) {
			take_any(&c, &byte);
			buf_append_byte(&out, byte);
			continue;
		}
		struct slice value = *(
			const struct slice *)(const void *)((const char *)values +
		                                            placeholders[index].offset);
		good = !has_control(value) &&
		       (use != TEMPLATE_PATH || !placeholders[index].from_strangers ||
		        may_stand_in_path(value));
		buf_append(&out, value);
	}
	/* "--" ends options for some programs, but not for all. */
	if (use == TEMPLATE_ARGUMENT && text[0] != '-' && out.len > 0 && out.data[0] == '-')
		good = false;
	const char *expanded = good && !buf_failed(&out) ? arena_str(arena, buf_slice(&out)) : NULL;
	buf_free(&out);
	return expanded;
}
