/* Variables (RFC 5229), and those that scripts share (RFC 6609). */
#include <errno.h>
#include <unicase.h>

#include "base/cursor.h"
#include "sieve/sieve_machine.h"

enum { NAME_MAX_BYTES = 64 };

static bool is_name_byte(char c) { return byte_is_alnum(c) || c == '_'; }

/* variable-name = num-variable / [namespace "."] identifier */
bool sieve_variable_name(struct slice name)
{
	size_t dots = 0;
	if (name.len == 0 || name.len > NAME_MAX_BYTES)
		return false;
	if (byte_is_digit(name.data[0])) {
		uint64_t number;
		return slice_to_u64(name, &number);
	}
	for (size_t i = 0; i < name.len; i++) {
		bool begins = i == 0 || name.data[i - 1] == '.';
		dots += name.data[i] == '.';
		if (name.data[i] == '.' ? begins : !is_name_byte(name.data[i]))
			return false;
		if (begins && byte_is_digit(name.data[i]))
			return false;
	}
	return dots <= 1 && !slice_ends_with(name, SLICE("."));
}

size_t sieve_variable_reference(struct slice s, struct slice *name_out)
{
	struct cursor c = cursor_of(s);
	struct slice name;
	if (!take_text(&c, SLICE("${")) || !take_until(&c, '}', NAME_MAX_BYTES, &name) ||
	    !sieve_variable_name(name))
		return 0;
	*name_out = name;
	return name.len + 3;
}

static struct machine_variable *find_in(const struct machine_scope *scope, struct slice name)
{
	struct machine_variable *v = scope->first;
	while (v && !slice_equal_nocase(v->name, name))
		v = v->next;
	return v;
}

/* Where it is, or would be. */
static struct machine_scope *scope_of(struct machine *m, struct slice *name)
{
	if (slice_starts_with_nocase(*name, SLICE("global."))) {
		*name = slice_from(*name, 7);
		return &m->globals;
	}
	const struct machine_variable *v = find_in(&m->frame->variables, *name);
	return v && v->is_global ? &m->globals : &m->frame->variables;
}

struct slice machine_get_variable(struct machine *m, struct slice name)
{
	uint64_t number;
	if (byte_is_digit(name.data[0])) {
		bool known = slice_to_u64(name, &number) && number < SIEVE_CAPTURES;
		return known ? m->frame->captures[number] : SLICE_EMPTY;
	}
	struct machine_scope *scope = scope_of(m, &name);
	const struct machine_variable *v = find_in(scope, name);
	return v ? v->value : SLICE_EMPTY;
}

static struct machine_variable *add_variable(struct machine *m, struct machine_scope *scope,
                                             struct slice name)
{
	if (scope->count >= m->job->limits->variables) {
		machine_fail(m, "there are too many variables (%u)", m->job->limits->variables);
		return NULL;
	}
	struct machine_variable *v = ARENA_NEW(m->arena, struct machine_variable);
	v->name = arena_lower(m->arena, name);
	v->value = SLICE_EMPTY;
	v->next = scope->first;
	scope->first = v;
	scope->count++;
	return v;
}

/* Cut where a character begins. */
static struct slice cut_text(struct slice s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && ((unsigned char)s.data[max] & 0xC0) == 0x80)
		max--;
	return slice_sub(s, 0, max);
}

int machine_set_variable(struct machine *m, struct slice name, struct slice value)
{
	struct machine_scope *scope = scope_of(m, &name);
	struct machine_variable *v = find_in(scope, name);
	if (!v)
		v = add_variable(m, scope, name);
	if (!v)
		return -EINVAL;
	v->value = arena_copy(m->arena, cut_text(value, m->job->limits->value_bytes));
	return machine_spend(m, value.len);
}

int sieve_do_global(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *names = sieve_arg(call, SLOT_POSITION);
	for (size_t i = 0; i < names->count; i++) {
		struct slice name = names->items[i].text;
		struct machine_variable *v = find_in(&m->frame->variables, name);
		if (!v)
			v = add_variable(m, &m->frame->variables, name);
		if (!v)
			return -EINVAL;
		v->is_global = true;
	}
	return 0;
}

/* --- set ------------------------------------------------------------------------------- */

static struct slice change_case(struct arena *arena, struct slice s, bool upper)
{
	size_t len = 0;
	uint8_t *made = upper ? u8_toupper((const uint8_t *)s.data, s.len, NULL, NULL, NULL, &len)
	                      : u8_tolower((const uint8_t *)s.data, s.len, NULL, NULL, NULL, &len);
	struct slice out = s;
	if (made)
		out = arena_copy(arena, slice_of(made, len));
	free(made);
	return out;
}

static size_t first_character(struct slice s)
{
	size_t n = s.len > 0;
	while (n < s.len && ((unsigned char)s.data[n] & 0xC0) == 0x80)
		n++;
	return n;
}

static struct slice quote_wildcards(struct arena *arena, struct slice s)
{
	char *to = arena_alloc(arena, s.len * 2 + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("*?\\", s.data[i]) && s.data[i])
			to[n++] = '\\';
		to[n++] = s.data[i];
	}
	return slice_of(to, n);
}

/* RFC 5435 section 6: all but the unreserved characters of RFC 3986. */
static struct slice encode_url(struct arena *arena, struct slice s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to = arena_alloc(arena, s.len * 3 + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (byte_is_alnum((char)c) || (c && strchr("-._~", c))) {
			to[n++] = (char)c;
			continue;
		}
		to[n++] = '%';
		to[n++] = digits[c >> 4];
		to[n++] = digits[c & 15];
	}
	return slice_of(to, n);
}

static struct slice count_characters(struct arena *arena, struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.data[i] & 0xC0) != 0x80;
	return slice_from_str(arena_printf(arena, "%zu", n));
}

/* In the order of their precedence (RFC 5229 section 4.1). */
static struct slice modified(struct machine *m, const struct sieve_call *call, struct slice s)
{
	int upper = sieve_choice(call, SLOT_CASE, -1);
	int first_upper = sieve_choice(call, SLOT_CASE_FIRST, -1);
	if (upper >= 0)
		s = change_case(m->scratch, s, upper == 1);
	if (first_upper >= 0) {
		size_t len = first_character(s);
		struct slice parts[] = { change_case(m->scratch, slice_sub(s, 0, len),
			                             first_upper == 1),
			                 slice_from(s, len) };
		s = arena_concat(m->scratch, parts, 2);
	}
	if (sieve_arg(call, SLOT_QUOTE))
		s = quote_wildcards(m->scratch, s);
	if (sieve_arg(call, SLOT_ENCODE))
		s = encode_url(m->scratch, s);
	if (sieve_arg(call, SLOT_LENGTH))
		s = count_characters(m->scratch, s);
	return s;
}

int sieve_set_modified(struct machine *m, const struct sieve_call *call, struct slice value)
{
	struct slice name = sieve_arg(call, SLOT_POSITION)->items[0].text;
	int rc = machine_spend(m, value.len * 8);
	if (rc < 0)
		return rc;
	value = modified(m, call, value);
	machine_trace(m, "%s \"%.*s\" = \"%.*s\"", call->spec->name, SLICE_ARG(name),
	              SLICE_ARG(value));
	return machine_set_variable(m, name, value);
}

int sieve_do_set(struct machine *m, const struct sieve_call *call)
{
	return sieve_set_modified(m, call, machine_text(m, call, SLOT_POSITION + 1));
}
