#include <errno.h>

#include "trust/arc_internal.h"
#include "trust/dkim_tag.h"

static const struct slice names[] = { { "ARC-Authentication-Results", 26 },
	                              { "ARC-Message-Signature", 21 },
	                              { "ARC-Seal", 8 } };
enum { RESULTS, MESSAGE, SEAL, PARTS };

static void fail(struct arc_check *c, const char *reason)
{
	if (c->result == TRUST_FAIL)
		return;
	c->result = TRUST_FAIL;
	c->reason = reason;
}

/* --- finding the sets -------------------------------------------------------------------- */

static int part_of(struct slice name)
{
	int part = 0;
	while (part < PARTS && !slice_equal_nocase(name, names[part]))
		part++;
	return part;
}

/* "i=1;", in the results in front (section 4.1.1); 0 if it is not there. */
static unsigned instance_of(struct slice field, bool in_front)
{
	struct slice rest = slice_from(field, (size_t)(slice_find_byte(field, ':') + 1)), part;
	uint64_t instance;
	for (bool first = true; rest.len > 0 && (first || !in_front); first = false) {
		part = slice_split(&rest, ';');
		struct slice name = slice_trim(slice_split(&part, '='));
		if (slice_equal(name, SLICE("i")) && slice_to_u64(slice_trim(part), &instance) &&
		    instance <= ARC_INSTANCE_MAX)
			return (unsigned)instance;
	}
	return 0;
}

static void add_field(struct arc_check *c, int part, struct slice field)
{
	unsigned instance = instance_of(field, part == RESULTS);
	if (instance == 0) {
		fail(c, "a field of the chain has no instance from 1 to 50");
		return;
	}
	struct arc_set *set = &c->sets[instance - 1];
	struct slice *place = part == RESULTS   ? &set->results
	                      : part == MESSAGE ? &set->message
	                                        : &set->seal;
	if (place->len > 0)
		fail(c, "a set of the chain has a field twice");
	*place = field;
	if (instance > c->count)
		c->count = instance;
}

static void find_sets(struct arc_check *c)
{
	c->sets = ARENA_ARRAY(c->arena, ARC_INSTANCE_MAX, struct arc_set);
	for (size_t i = 0; i < c->header->count; i++) {
		int part = part_of(c->header->fields[i].name);
		if (part < PARTS)
			add_field(c, part, c->header->fields[i].whole);
	}
	for (size_t i = 0; i < c->count; i++) {
		const struct arc_set *set = &c->sets[i];
		if (set->results.len == 0 || set->message.len == 0 || set->seal.len == 0)
			fail(c, "a set of the chain is not whole");
	}
}

/* Section 5.2, step 3: the first says none, all others pass. */
static void check_seal(struct arc_check *c, size_t i)
{
	struct dkim_verdict *v = &c->sets[i].seal_verdict;
	if (c->sets[i].seal.len == 0)
		return;
	dkim_verdict_begin(c->arena, DKIM_KIND_ARC_SEAL, c->sets[i].seal, &c->rules, NULL, v);
	struct slice said = v->signature.chain;
	if (!v->is_open)
		fail(c, v->reason);
	if (i + 1 == c->count && slice_equal_nocase(said, SLICE("fail"))) {
		c->newest_failed = true;
		fail(c, "the last who sealed it found that the chain was broken");
	} else if (!slice_equal_nocase(said, i == 0 ? SLICE("none") : SLICE("pass"))) {
		fail(c, "a seal does not say what the chain was before");
	}
	v->key_name = dkim_key_name(c->arena, &v->signature);
}

/* Section 4.1.2: seals are not part of it. */
static bool signs_seals(const struct dkim_signature *s)
{
	for (size_t i = 0; i < s->name_count; i++) {
		if (slice_equal_nocase(s->names[i], names[SEAL]))
			return true;
	}
	return false;
}

void arc_check_begin(struct arc_check *c, struct arena *arena, struct dkim_header *header,
                     const struct dkim_rules *rules, struct dkim_bodies *bodies)
{
	*c = (struct arc_check){ .arena = arena,
		                 .header = header,
		                 .rules = *rules,
		                 .reason = "",
		                 .result = TRUST_NONE };
	find_sets(c);
	if (c->count == 0)
		return;
	if (header->cut)
		fail(c, "the header is too long to be checked");
	/* The newest in any case: if it says that the chain is broken, nobody goes on with it. */
	for (size_t i = c->count; i > 0 && (i == c->count || c->result != TRUST_FAIL); i--)
		check_seal(c, i - 1);
	if (c->result == TRUST_FAIL)
		return;
	dkim_verdict_begin(arena, DKIM_KIND_ARC_MESSAGE, c->sets[c->count - 1].message, rules,
	                   bodies, &c->message);
	if (!c->message.is_open)
		fail(c, c->message.reason);
	else if (signs_seals(&c->message.signature))
		fail(c, "the message signature of the chain signs seals");
	for (size_t i = 0; i + 1 < c->count; i++)
		dkim_verdict_begin(arena, DKIM_KIND_ARC_MESSAGE, c->sets[i].message, rules, bodies,
		                   &c->sets[i].message_verdict);
}

void arc_check_compare(struct arc_check *c, const struct dkim_bodies *bodies)
{
	if (c->count == 0 || c->result == TRUST_FAIL)
		return;
	dkim_verdict_compare(c->arena, &c->rules, bodies, &c->message);
	if (!c->message.is_open || c->message.changed)
		fail(c, c->message.changed ? "the message was changed after it was sealed"
		                           : c->message.reason);
	for (size_t i = 0; i + 1 < c->count; i++)
		dkim_verdict_compare(c->arena, &c->rules, bodies, &c->sets[i].message_verdict);
}

/* --- keys -------------------------------------------------------------------------------- */

size_t arc_check_keys(const struct arc_check *c)
{
	return c->count > 0 && c->result != TRUST_FAIL ? c->count + 1 : 0;
}

const char *arc_check_key(const struct arc_check *c, size_t i)
{
	const struct dkim_verdict *v = i == 0 ? &c->message : &c->sets[i - 1].seal_verdict;
	return v->is_open ? v->key_name : NULL;
}

void arc_seal_digest(struct arena *arena, const struct arc_set *sets, size_t first, size_t last,
                     const struct dkim_signature *seal, struct dkim_digest *out)
{
	struct dkim_hash hash;
	dkim_hash_begin(&hash, seal->algorithm);
	for (size_t i = first; i <= last; i++) {
		const struct slice fields[] = { sets[i].results, sets[i].message, sets[i].seal };
		for (int part = 0; part < PARTS; part++) {
			bool own = i == last && part == SEAL;
			dkim_canon_field(DKIM_RELAXED,
			                 own ? dkim_unsigned_field(arena, fields[part], seal)
			                     : fields[part],
			                 dkim_hash_add, &hash);
			if (!own)
				dkim_hash_add(&hash, SLICE("\r\n"));
		}
	}
	dkim_hash_end(&hash, out);
}

struct key_answer {
	struct dkim_keys *keys;
	int result; /* of the DNS */
	const struct slice *texts;
	size_t count;
};

static void decide_message(struct arc_check *c, const struct key_answer *a, struct dkim_verdict *v)
{
	struct dkim_digest digest;
	struct dkim_key key;
	if (!v->is_open ||
	    !dkim_verdict_key(c->arena, a->keys, a->result, a->texts, a->count, v, &key))
		return;
	dkim_header_digest(c->arena, c->header, v->field, &v->signature, &digest);
	dkim_verdict_decide(&key, dkim_digest_slice(&digest), v);
	dkim_key_end(&key);
}

static void decide_seal(struct arc_check *c, const struct key_answer *a, size_t i)
{
	struct dkim_verdict *v = &c->sets[i].seal_verdict, *m = &c->sets[i].message_verdict;
	struct dkim_digest digest;
	struct dkim_key key;
	if (!v->is_open ||
	    !dkim_verdict_key(c->arena, a->keys, a->result, a->texts, a->count, v, &key))
		return;
	arc_seal_digest(c->arena, c->sets, 0, i, &v->signature, &digest);
	dkim_verdict_decide(&key, dkim_digest_slice(&digest), v);
	dkim_key_end(&key);
	if (m->key_name && strcmp(m->key_name, v->key_name) == 0)
		decide_message(c, a, m);
}

void arc_check_answer(struct arc_check *c, struct dkim_keys *keys, size_t i, int result,
                      const struct slice *texts, size_t count)
{
	const struct key_answer answer = { keys, result, texts, count };
	if (i == 0)
		decide_message(c, &answer, &c->message);
	else
		decide_seal(c, &answer, i - 1);
}

/* --- the end ----------------------------------------------------------------------------- */

/* Section 5.2, steps 4 and 6. */
static void weigh(struct arc_check *c, const struct dkim_verdict *v, const char *reason)
{
	if (v->result == TRUST_TEMPERROR && c->result == TRUST_PASS) {
		c->result = TRUST_TEMPERROR;
		c->reason = v->reason;
	} else if (v->result != TRUST_PASS && v->result != TRUST_TEMPERROR) {
		fail(c, reason);
	}
}

void arc_check_end(struct arc_check *c)
{
	if (c->count == 0 || c->result == TRUST_FAIL)
		return;
	c->result = TRUST_PASS;
	weigh(c, &c->message, "the message signature of the chain does not hold");
	for (size_t i = 0; i < c->count; i++)
		weigh(c, &c->sets[i].seal_verdict, "a seal of the chain does not hold");
	size_t oldest = c->count;
	while (oldest > 1 && c->sets[oldest - 2].message_verdict.result == TRUST_PASS)
		oldest--;
	c->oldest_pass = oldest > 1 ? oldest : 0;
}

struct slice arc_sealer(const struct arc_check *c, size_t i)
{
	struct slice domain = c->sets[i].seal_verdict.signature.domain;
	return domain.data ? domain : SLICE_EMPTY;
}

/* "i=1; " and the value of Authentication-Results. */
bool arc_results(struct arena *arena, const struct arc_set *set, struct authres *out)
{
	struct slice value = slice_from(set->results,
	                                (size_t)(slice_find_byte(set->results, ':') + 1));
	struct slice instance = slice_split(&value, ';');
	return slice_starts_with(slice_trim(instance), SLICE("i")) &&
	       authres_parse(arena, slice_trim(value), out);
}
