/* Match types and comparators (RFC 5228 section 2.7, RFC 5231, RFC 4790, RFC 5051). */
#include <errno.h>
#include <unicase.h>
#include <uninorm.h>

#include "sieve/sieve_machine.h"

/* --- comparators ----------------------------------------------------------------------- */

/* The form in which octets are compared. */
static struct slice collate(struct arena *arena, enum sieve_comparator comparator, struct slice s)
{
	if (comparator == COMPARE_ASCII_CASEMAP)
		return arena_lower(arena, s);
	if (comparator != COMPARE_UNICODE)
		return s;
	size_t len = 0;
	uint8_t *made = u8_casefold((const uint8_t *)s.data, s.len, NULL, UNINORM_NFKD, NULL, &len);
	/* What is no UTF-8 compares as octets. */
	struct slice out = made ? arena_copy(arena, slice_of(made, len)) : s;
	free(made);
	return out;
}

/* The digits that it begins with, without zeros; none: positive infinity (RFC 4790 section 9.1). */
static bool numeric(struct slice s, struct slice *digits_out)
{
	size_t len = 0;
	while (len < s.len && byte_is_digit(s.data[len]))
		len++;
	struct slice digits = slice_sub(s, 0, len);
	while (digits.len > 0 && digits.data[0] == '0')
		digits = slice_from(digits, 1);
	*digits_out = digits;
	return len > 0;
}

static int order_numeric(struct slice a, struct slice b)
{
	struct slice x, y;
	bool finite_a = numeric(a, &x), finite_b = numeric(b, &y);
	if (!finite_a || !finite_b)
		return finite_b - finite_a;
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return slice_compare(x, y);
}

static int order(enum sieve_comparator comparator, struct slice a, struct slice b)
{
	return comparator == COMPARE_NUMERIC ? order_numeric(a, b) : slice_compare(a, b);
}

static bool holds(enum sieve_relation relation, int difference)
{
	switch (relation) {
	case REL_GT:
		return difference > 0;
	case REL_GE:
		return difference >= 0;
	case REL_LT:
		return difference < 0;
	case REL_LE:
		return difference <= 0;
	case REL_EQ:
		return difference == 0;
	case REL_NE:
		return difference != 0;
	case REL_NONE:
		break;
	}
	return false;
}

/* --- wildcards ------------------------------------------------------------------------- */

/* One wildcard of a pattern: where what it stands for begins and ends in the value. */
struct span {
	size_t from, to;
};

struct wild {
	struct slice pattern, value;
	bool octets; /* "?" stands for one, else for a character (RFC 5228 section 2.7.1) */
	struct span spans[SIEVE_CAPTURES];
	size_t count; /* of spans; those further on are not remembered */
};

static void wild_span(struct wild *w, size_t from, size_t to)
{
	if (w->count < SIEVE_CAPTURES)
		w->spans[w->count] = (struct span){ from, to };
	w->count++;
}

static size_t wild_character(const struct wild *w, size_t at)
{
	size_t n = 1;
	while (!w->octets && at + n < w->value.len &&
	       ((unsigned char)w->value.data[at + n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* The next of pattern that is no star against value at v: how far both go. False: they differ. */
static bool wild_step(struct wild *w, size_t *p, size_t *v)
{
	char c = w->pattern.data[*p];
	if (*v >= w->value.len)
		return false;
	if (c == '?') {
		size_t len = wild_character(w, *v);
		wild_span(w, *v, *v + len);
		*v += len;
		(*p)++;
		return true;
	}
	bool quoted = c == '\\' && *p + 1 < w->pattern.len;
	if (w->pattern.data[*p + quoted] != w->value.data[*v])
		return false;
	*p += 1 + quoted;
	(*v)++;
	return true;
}

/* Each star stands for as little as possible, those on the left first: it is enough to move the
 * last one on when what follows does not fit. */
static bool wild_match(struct wild *w)
{
	size_t p = 0, v = 0, star_p = 0, star_v = 0, star_from = 0, star_count = 0;
	bool star = false;
	w->count = 0;
	for (;;) {
		if (p < w->pattern.len && w->pattern.data[p] == '*') {
			star = true;
			star_p = ++p;
			star_from = star_v = v;
			star_count = w->count;
			wild_span(w, v, v);
			continue;
		}
		if (p == w->pattern.len && v == w->value.len)
			return true;
		if (p < w->pattern.len && wild_step(w, &p, &v))
			continue;
		if (!star || star_v >= w->value.len)
			return false;
		star_v += wild_character(w, star_v);
		p = star_p;
		v = star_v;
		w->count = star_count;
		wild_span(w, star_from, star_v);
	}
}

/* What the wildcards stood for, for ${0} and on. The value as it was, if it kept its length when
 * it was collated. */
static void wild_keep(struct matcher *t, const struct wild *w, struct slice original)
{
	struct machine *m = t->m;
	if (!m->frame->program->has[EXT_VARIABLES])
		return;
	struct slice from = original.len == w->value.len ? original : w->value;
	for (size_t i = 0; i < SIEVE_CAPTURES; i++)
		m->frame->captures[i] = SLICE_EMPTY;
	struct slice kept = arena_copy(m->arena, slice_sub(from, 0, m->job->limits->value_bytes));
	m->frame->captures[0] = kept;
	for (size_t i = 0; i < w->count && i + 1 < SIEVE_CAPTURES; i++)
		m->frame->captures[i + 1] = slice_sub(kept, w->spans[i].from,
		                                      w->spans[i].to - w->spans[i].from);
}

/* --- the matcher ----------------------------------------------------------------------- */

int matcher_begin(struct matcher *t, struct machine *m, const struct sieve_call *call,
                  enum sieve_slot keys)
{
	const struct sieve_arg *match = sieve_arg(call, SLOT_MATCH);
	const struct sieve_arg *list = sieve_arg(call, keys);
	*t = (struct matcher){
		.m = m,
		.kind = match ? (enum sieve_match_kind)match->choice : MATCH_IS,
		.relation = match ? (enum sieve_relation)match->number : REL_NONE,
		.comparator = (enum sieve_comparator)sieve_choice(call, SLOT_COMPARATOR, 0),
		.key_count = list ? list->count : 0,
	};
	t->keys = ARENA_ARRAY(m->scratch, t->key_count + 1, struct slice);
	for (size_t i = 0; list && i < list->count; i++) {
		t->keys[i] = machine_string(m, &list->items[i]);
		if (t->kind != MATCH_LIST)
			t->keys[i] = collate(m->scratch, t->comparator, t->keys[i]);
	}
	return machine_spend(m, 0);
}

static bool match_wild(struct matcher *t, struct slice key, struct slice value,
                       struct slice original)
{
	struct wild w = { .pattern = key,
		          .value = value,
		          .octets = t->comparator != COMPARE_UNICODE };
	/* So many steps at worst. */
	t->error = machine_spend(t->m, key.len * value.len / 4 + value.len);
	if (t->error < 0 || !wild_match(&w))
		return false;
	wild_keep(t, &w, original);
	return true;
}

static bool match_list(struct matcher *t, struct slice list, struct slice value)
{
	struct slice rest, one;
	int rc = machine_list(t->m, list, &rest);
	if (rc < 0)
		t->error = rc;
	while (rc > 0 && machine_list_next(&rest, &one)) {
		if (slice_equal_nocase(one, value))
			return true;
	}
	return false;
}

static bool match_key(struct matcher *t, struct slice key, struct slice value,
                      struct slice original)
{
	switch (t->kind) {
	case MATCH_IS:
		return order(t->comparator, value, key) == 0;
	case MATCH_CONTAINS:
		return slice_find(value, key) >= 0;
	case MATCH_MATCHES:
		return match_wild(t, key, value, original);
	case MATCH_VALUE:
		return holds(t->relation, order(t->comparator, value, key));
	case MATCH_LIST:
		return match_list(t, key, original);
	case MATCH_COUNT:
		break;
	}
	return false;
}

bool matcher_try(struct matcher *t, struct slice value)
{
	struct slice original = value;
	if (t->error < 0)
		return true;
	t->count++;
	if (t->kind == MATCH_COUNT)
		return false;
	t->error = machine_spend(t->m, value.len * (1 + t->key_count / 4));
	if (t->error < 0)
		return true;
	value = collate(t->m->scratch, t->comparator, value);
	for (size_t i = 0; i < t->key_count && !t->matched && t->error == 0; i++)
		t->matched = match_key(t, t->keys[i], value, original);
	if (t->matched)
		t->value = original;
	return t->matched || t->error < 0;
}

int matcher_end(struct matcher *t, bool *out)
{
	char digits[24];
	if (t->error < 0)
		return t->error;
	if (t->kind == MATCH_COUNT) {
		int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)t->count);
		struct slice count = slice_of(digits, (size_t)len);
		for (size_t i = 0; i < t->key_count && !t->matched; i++)
			t->matched = holds(t->relation, order(t->comparator, count, t->keys[i]));
	}
	*out = t->matched;
	return 0;
}
