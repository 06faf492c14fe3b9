/* From the text of an option to its value. */
#include <errno.h>

#include "base/cursor.h"
#include "config/config.h"
#include "config/config_options.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* number = digits [ unit ], the unit in any case */
static bool parse_with_unit(struct slice text, const struct unit *units, uint64_t *out)
{
	struct cursor c = cursor_of(text);
	uint64_t number;
	if (!take_number(&c, UINT64_MAX, &number))
		return false;
	struct slice suffix = cursor_rest(&c);
	for (; units->suffix; units++) {
		if (!slice_equal_nocase(suffix, slice_from_str(units->suffix)))
			continue;
		return !__builtin_mul_overflow(number, units->factor, out);
	}
	return false;
}

bool config_parse_size(struct slice text, uint64_t *bytes_out)
{
	static const struct unit units[] = {
		{ "", 1 },           { "K", 1ull << 10 }, { "M", 1ull << 20 },
		{ "G", 1ull << 30 }, { "T", 1ull << 40 }, { 0 },
	};
	return parse_with_unit(text, units, bytes_out);
}

bool config_parse_duration(struct slice text, int64_t *ms_out)
{
	static const struct unit units[] = {
		{ "ms", 1 },       { "s", 1000 },
		{ "m", 60000 },    { "h", 3600000 },
		{ "d", 86400000 }, { "w", 7 * 86400000ull },
		{ "", 1000 },      { 0 },
	};
	uint64_t ms;
	if (!parse_with_unit(text, units, &ms) || ms > INT64_MAX / 4)
		return false;
	*ms_out = (int64_t)ms;
	return true;
}

static bool in_bounds(const struct config_option *o, uint64_t value)
{
	return o->max == 0 || (value >= o->min && value <= o->max);
}

bool config_parse_days(struct slice text, int *days_out)
{
	uint64_t days = 0;
	bool never = slice_equal_nocase(text, SLICE("never"));
	if (!never && (!slice_to_u64(text, &days) || days > CONFIG_DAYS_MAX))
		return false;
	*days_out = never ? CONFIG_NEVER : (int)days;
	return true;
}

/* "a, b or c" */
static const char *join_choices(const struct config_option *o, struct arena *arena)
{
	const char *text = o->choices[0];
	for (size_t i = 1; o->choices[i]; i++)
		text = arena_printf(arena, "%s%s%s", text, o->choices[i + 1] ? ", " : " or ",
		                    o->choices[i]);
	return text;
}

static bool parse_choice(const struct config_option *o, struct slice text, int *out)
{
	for (int i = 0; o->choices[i]; i++) {
		if (slice_equal(text, slice_from_str(o->choices[i]))) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_flag(struct slice text, bool *out)
{
	static const char *const words[][2] = { { "no", "yes" },
		                                { "false", "true" },
		                                { "off", "on" } };
	for (size_t i = 0; i < 3; i++) {
		for (int value = 0; value < 2; value++) {
			if (slice_equal_nocase(text, slice_from_str(words[i][value]))) {
				*out = value;
				return true;
			}
		}
	}
	return false;
}

union value {
	const char *text;
	unsigned number;
	uint16_t port;
	uint64_t size;
	int64_t duration;
	bool flag;
	int choice, days;
	char letter;
};

/* One case a kind; the size of what is to be stored, or 0 if text is none of it. */
static size_t parse_value(const struct config_option *o, struct arena *arena, const char *dir,
                          struct slice text, union value *out)
{
	uint64_t number;
	switch (o->kind) {
	case CONFIG_TEXT:
	case CONFIG_LIST:
		out->text = arena_str(arena, text);
		return sizeof(out->text);
	case CONFIG_PATH:
		if (text.len == 0)
			return 0;
		out->text = text.data[0] == '/'
		                    ? arena_str(arena, text)
		                    : arena_printf(arena, "%s/%.*s", dir, SLICE_ARG(text));
		return sizeof(out->text);
	case CONFIG_NUMBER:
		if (!slice_to_u64(text, &number) || number > UINT32_MAX || !in_bounds(o, number))
			return 0;
		out->number = (unsigned)number;
		return sizeof(out->number);
	case CONFIG_PORT:
		if (!slice_to_u64(text, &number) || number < 1 || number > UINT16_MAX)
			return 0;
		out->port = (uint16_t)number;
		return sizeof(out->port);
	case CONFIG_SIZE:
		return config_parse_size(text, &out->size) && in_bounds(o, out->size)
		               ? sizeof(out->size)
		               : 0;
	case CONFIG_DAYS:
		return config_parse_days(text, &out->days) ? sizeof(out->days) : 0;
	case CONFIG_DURATION:
		return config_parse_duration(text, &out->duration) &&
		                       in_bounds(o, (uint64_t)out->duration)
		               ? sizeof(out->duration)
		               : 0;
	case CONFIG_FLAG:
		return parse_flag(text, &out->flag) ? sizeof(out->flag) : 0;
	case CONFIG_CHOICE:
		return parse_choice(o, text, &out->choice) ? sizeof(out->choice) : 0;
	case CONFIG_LETTER:
		out->letter = text.len == 1 ? text.data[0] : '\0';
		return text.len <= 1 ? sizeof(out->letter) : 0;
	}
	return 0;
}

/* Milliseconds and bytes as people write them: the largest unit that divides. */
static const char *bound_text(const struct config_option *o, struct arena *arena, uint64_t value)
{
	static const struct unit times[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }
	};
	static const struct unit sizes[] = {
		{ "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 }
	};
	const struct unit *unit = o->kind == CONFIG_DURATION ? times : sizes;
	if (value == 0 || (o->kind != CONFIG_DURATION && o->kind != CONFIG_SIZE))
		return arena_printf(arena, "%llu", (unsigned long long)value);
	while (value % unit->factor)
		unit++;
	return arena_printf(arena, "%llu%s", (unsigned long long)(value / unit->factor),
	                    unit->suffix);
}

static const char *expectation(const struct config_option *o, struct arena *arena)
{
	const char *what = "";
	switch (o->kind) {
	case CONFIG_PATH:
		return "must name a file";
	case CONFIG_PORT:
		return "must be a port, 1 to 65535";
	case CONFIG_DAYS:
		return "must be a number of days, or never";
	case CONFIG_FLAG:
		return "must be yes or no";
	case CONFIG_LETTER:
		return "must be one character, or \"\"";
	case CONFIG_CHOICE:
		return arena_printf(arena, "must be %s", join_choices(o, arena));
	case CONFIG_NUMBER:
		what = "must be a number";
		break;
	case CONFIG_SIZE:
		what = "must be a size such as 256K, 50M or 2G";
		break;
	case CONFIG_DURATION:
		what = "must be a time such as 30s, 5m, 4h or 5d";
		break;
	case CONFIG_TEXT:
	case CONFIG_LIST:
		break;
	}
	if (o->max == 0)
		return what;
	return arena_printf(arena, "%s from %s to %s", what, bound_text(o, arena, o->min),
	                    bound_text(o, arena, o->max));
}

int config_value_set(const struct config_option *option, struct arena *arena, const char *dir,
                     struct slice text, void *base, const char **why_out)
{
	union value value;
	size_t size = parse_value(option, arena, dir, text, &value);
	if (size == 0) {
		*why_out = expectation(option, arena);
		return -EINVAL;
	}
	if (option->kind == CONFIG_SIZE && option->size == sizeof(value.number)) {
		value.number = (unsigned)value.size; /* its bounds make it fit */
		size = sizeof(value.number);
	}
	if (base)
		memcpy((char *)base + option->offset, &value, size);
	return 0;
}
