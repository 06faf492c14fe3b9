/* From the arguments of a node to the slots of a call. */
#include <errno.h>

#include "message/date.h"
#include "sieve/sieve_machine.h"

enum { ARGS_MAX = 24, UNICODE_DIGITS_MAX = 6 };

const struct sieve_arg *sieve_arg(const struct sieve_call *call, enum sieve_slot slot)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		if (call->args[i].slot == slot)
			return &call->args[i];
	}
	return NULL;
}

int sieve_choice(const struct sieve_call *call, enum sieve_slot slot, int otherwise)
{
	const struct sieve_arg *arg = sieve_arg(call, slot);
	return arg ? arg->choice : otherwise;
}

static bool wrong_at(struct sieve_binding *b, unsigned line, unsigned column, const char *text)
{
	*b->error = (struct sieve_error){ .line = line, .column = column, .text = text };
	return false;
}

bool sieve_wrong(struct sieve_binding *b, const char *format, ...)
{
	struct buf text = buf_make(4096);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	wrong_at(b, b->node->line, b->node->column, arena_str(b->arena, buf_slice(&text)));
	buf_free(&text);
	return false;
}

/* --- strings --------------------------------------------------------------------------- */

static bool hex_number(struct slice s, size_t max_digits, uint32_t *out)
{
	if (s.len == 0 || s.len > max_digits)
		return false;
	*out = 0;
	for (size_t i = 0; i < s.len; i++) {
		int digit = byte_hex_value(s.data[i]);
		if (digit < 0)
			return false;
		*out = *out << 4 | (uint32_t)digit;
	}
	return true;
}

static size_t put_utf8(uint32_t code, char *to)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char first[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
	for (size_t i = len - 1; i > 0; i--, code >>= 6)
		to[i] = (char)(0x80 | (code & 0x3F));
	to[0] = (char)(first[len] | code);
	return len;
}

static struct slice skip_white(struct slice s)
{
	while (s.len > 0 && (byte_is_space(s.data[0]) || s.data[0] == '\r' || s.data[0] == '\n'))
		s = slice_from(s, 1);
	return s;
}

/* The numbers in "hex: 24 24" or "unicode: 40": what they stand for, which is shorter. -1: they
 * are none; -2: one is no character. Reads no further than to what is neither digit nor space. */
static ptrdiff_t decode_numbers(struct slice numbers, bool unicode, char *to)
{
	size_t n = 0;
	uint32_t code = 0;
	numbers = skip_white(numbers);
	if (numbers.len == 0)
		return -1;
	while (numbers.len > 0) {
		size_t len = 0;
		while (len < numbers.len && byte_hex_value(numbers.data[len]) >= 0)
			len++;
		struct slice digits = slice_sub(numbers, 0, len);
		while (unicode && digits.len > UNICODE_DIGITS_MAX && digits.data[0] == '0')
			digits = slice_from(digits, 1);
		struct slice rest = slice_from(numbers, len);
		numbers = skip_white(rest);
		if (numbers.len > 0 && numbers.len == rest.len)
			return -1;
		if (!hex_number(digits, unicode ? UNICODE_DIGITS_MAX : 2, &code))
			return unicode && digits.len > UNICODE_DIGITS_MAX ? -2 : -1;
		if (unicode && (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)))
			return -2;
		if (unicode)
			n += put_utf8(code, to + n);
		else
			to[n++] = (char)code;
	}
	return (ptrdiff_t)n;
}

/* RFC 5228 section 2.4.2.4: "${hex: 40}" and "${unicode: 40}". What is not quite that stands for
 * itself. */
static bool decode_characters(struct sieve_binding *b, struct slice *text)
{
	if (slice_find(*text, SLICE("${")) < 0)
		return true;
	char *to = arena_alloc(b->arena, text->len + 1);
	size_t n = 0, close = 0; /* where the next "}" is: looked for once, not at each "${" */
	for (size_t at = 0; at < text->len;) {
		struct slice rest = slice_from(*text, at);
		bool unicode = slice_starts_with_nocase(rest, SLICE("${unicode:"));
		bool begins = unicode || slice_starts_with_nocase(rest, SLICE("${hex:"));
		size_t from = at + (unicode ? 10 : 6);
		ptrdiff_t made = -1;
		if (begins && close < from) {
			ptrdiff_t found = slice_find_byte(slice_from(*text, from), '}');
			close = found < 0 ? text->len : from + (size_t)found;
		}
		if (begins && close < text->len)
			made = decode_numbers(slice_sub(*text, from, close - from), unicode,
			                      to + n);
		if (made == -2)
			return sieve_wrong(b, "\"%.*s\" is no character of Unicode",
			                   SLICE_ARG(slice_sub(rest, 0, close + 1 - at)));
		if (made < 0)
			to[n++] = rest.data[0];
		else
			n += (size_t)made;
		at = made < 0 ? at + 1 : close + 1;
	}
	*text = slice_of(to, n);
	return true;
}

/* Is there a reference to a variable in it, and of a kind that we know? */
static bool find_variables(struct sieve_binding *b, struct sieve_string *s)
{
	struct slice name;
	for (size_t i = 0; i + 3 < s->text.len; i++) {
		if (sieve_variable_reference(slice_from(s->text, i), &name) == 0)
			continue;
		s->variable = true;
		ptrdiff_t dot = slice_find_byte(name, '.');
		if (dot < 0)
			continue;
		struct slice space = slice_sub(name, 0, (size_t)dot);
		if (slice_equal_nocase(space, SLICE("global")) && b->program->has[EXT_INCLUDE])
			continue;
		return sieve_wrong(b, "there are no variables \"%.*s.\"", SLICE_ARG(space));
	}
	return true;
}

static bool bind_strings(struct sieve_binding *b, struct sieve_arg *arg,
                         const struct sieve_value *value, bool constant)
{
	arg->count = value->count;
	arg->items = ARENA_ARRAY(b->arena, value->count + 1, struct sieve_string);
	for (size_t i = 0; i < value->count; i++) {
		struct sieve_string *s = &arg->items[i];
		s->text = value->items[i];
		if (b->program->has[EXT_ENCODED_CHARACTER] && !decode_characters(b, &s->text))
			return false;
		if (b->program->has[EXT_VARIABLES] && !constant && !find_variables(b, s))
			return false;
	}
	return true;
}

/* --- arguments ------------------------------------------------------------------------- */

static bool bind_value(struct sieve_binding *b, struct sieve_arg *arg, enum sieve_arg_type type,
                       bool constant, const struct sieve_value *value, const char *what)
{
	static const char *const wants[] = { [ARG_NUMBER] = "a number",
		                             [ARG_STRING] = "a string",
		                             [ARG_LIST] = "a string or a list of strings" };
	bool fits = value && (type == ARG_NUMBER ? value->kind == VALUE_NUMBER
	                      : type == ARG_STRING
	                              ? value->kind == VALUE_STRING
	                              : value->kind == VALUE_STRING || value->kind == VALUE_LIST);
	if (!fits)
		return wrong_at(b, value ? value->line : b->node->line,
		                value ? value->column : b->node->column,
		                arena_printf(b->arena, "%s must be %s", what, wants[type]));
	arg->number = value->number;
	return type == ARG_NUMBER || bind_strings(b, arg, value, constant);
}

static const struct sieve_tag *find_tag(const struct sieve_spec *spec, struct slice name)
{
	for (int g = 0; g < SIEVE_TAG_GROUPS && spec->tags[g]; g++) {
		for (const struct sieve_tag *t = spec->tags[g]; t->name; t++) {
			if (slice_equal_nocase(name, slice_from_str(t->name)))
				return t;
		}
	}
	return NULL;
}

static bool is_required(const struct sieve_binding *b, enum sieve_extension extension)
{
	const bool *has = b->program->has;
	if (extension == EXT_NONE || has[extension])
		return true;
	return (extension == EXT_SPAMTEST && has[EXT_SPAMTESTPLUS]) ||
	       (extension == EXT_VACATION && has[EXT_VACATION_SECONDS]);
}

static bool check_tag(struct sieve_binding *b, const struct sieve_call *call,
                      const struct sieve_tag *tag, const struct sieve_value *value)
{
	const char *why = NULL;
	if (!tag)
		why = arena_printf(b->arena, "\"%s\" has no argument \":%.*s\"", call->spec->name,
		                   SLICE_ARG(value->text));
	else if (!is_required(b, tag->extension))
		why = arena_printf(b->arena, "\":%s\" needs require \"%s\"", tag->name,
		                   sieve_extension_text(tag->extension));
	else if (sieve_arg(call, tag->slot))
		why = arena_printf(b->arena, "\":%s\" is here twice, or beside what excludes it",
		                   tag->name);
	return !why || wrong_at(b, value->line, value->column, why);
}

/* A tag, and what belongs to it; *value moves behind it. */
static bool bind_tag(struct sieve_binding *b, struct sieve_call *call,
                     const struct sieve_value **value)
{
	const struct sieve_tag *tag = find_tag(call->spec, (*value)->text);
	if (!check_tag(b, call, tag, *value))
		return false;
	struct sieve_arg arg = { .slot = tag->slot, .choice = tag->choice };
	*value = (*value)->next;
	if (tag->type != ARG_ALONE) {
		const char *what = arena_printf(b->arena, "what follows \":%s\"", tag->name);
		if (!bind_value(b, &arg, tag->type, tag->constant, *value, what))
			return false;
		*value = (*value)->next;
	}
	if (call->arg_count == ARGS_MAX)
		return sieve_wrong(b, "\"%s\" has too many arguments", call->spec->name);
	call->args[call->arg_count++] = arg;
	return true;
}

static bool bind_positions(struct sieve_binding *b, struct sieve_call *call,
                           const struct sieve_value *const *values, size_t count)
{
	static const char *const ordinals[] = { "first", "second", "third", "fourth" };
	const char *p = call->spec->positions;
	size_t wanted = 0, most = 0, at = 0;
	bool first_optional = *p == '?';
	for (const char *c = p; *c; c++)
		most += byte_is_alpha(*c);
	wanted = most - (strchr(p, '?') || strchr(p, '+') ? 1 : 0);
	if (count < wanted || count > most)
		return sieve_wrong(b, "\"%s\" must have %zu argument%s without a colon, not %zu",
		                   call->spec->name, wanted, wanted == 1 ? "" : "s", count);
	int slot = SLOT_POSITION;
	if (first_optional && count == wanted) {
		p += 2;
		slot++;
	}
	for (; *p && at < count; p++) {
		if (!byte_is_alpha(*p))
			continue;
		char letter = byte_upper(*p);
		struct sieve_arg arg = { .slot = (enum sieve_slot)slot++ };
		enum sieve_arg_type type = letter == 'N'   ? ARG_NUMBER
		                           : letter == 'S' ? ARG_STRING
		                                           : ARG_LIST;
		const char *what = arena_printf(b->arena, "the %s argument of \"%s\"", ordinals[at],
		                                call->spec->name);
		if (!bind_value(b, &arg, type, letter != *p, values[at++], what))
			return false;
		call->args[call->arg_count++] = arg;
	}
	return true;
}

static bool check_spec(struct sieve_binding *b, const struct sieve_spec *spec)
{
	if (!is_required(b, spec->extension) &&
	    (spec->or_extension == EXT_NONE || !is_required(b, spec->or_extension)))
		return sieve_wrong(b, "\"%s\" needs require \"%s\"", spec->name,
		                   sieve_extension_text(spec->extension));
	if (b->node->tests && spec->flow == FLOW_CALL)
		return sieve_wrong(b, "\"%s\" has no tests; is there a \";\" missing?", spec->name);
	if (b->node->has_block && spec->flow == FLOW_CALL)
		return sieve_wrong(b, "\"%s\" has no block; is there a \";\" missing?", spec->name);
	return true;
}

struct sieve_call *sieve_bind(struct sieve_binding *b, const struct sieve_spec *spec)
{
	const struct sieve_value *positions[SLOT_POSITION_LAST + 1];
	size_t count = 0;
	if (!check_spec(b, spec))
		return NULL;
	struct sieve_call *call = ARENA_NEW(b->arena, struct sieve_call);
	*call = (struct sieve_call){ .spec = spec,
		                     .line = b->node->line,
		                     .column = b->node->column };
	struct sieve_arg args[ARGS_MAX + SLOT_POSITION_LAST + 1];
	call->args = args;
	for (const struct sieve_value *v = b->node->values; v;) {
		if (v->kind == VALUE_TAG) {
			if (!bind_tag(b, call, &v))
				return NULL;
			continue;
		}
		if (count > SLOT_POSITION_LAST) {
			sieve_wrong(b, "\"%s\" has too many arguments", spec->name);
			return NULL;
		}
		positions[count++] = v;
		v = v->next;
	}
	if (!bind_positions(b, call, positions, count))
		return NULL;
	call->args = ARENA_ARRAY(b->arena, call->arg_count + 1, struct sieve_arg);
	memcpy(call->args, args, call->arg_count * sizeof(*args));
	return spec->check && !spec->check(b, call) ? NULL : call;
}
