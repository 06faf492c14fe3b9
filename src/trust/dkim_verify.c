#include "trust/dkim_verify.h"

#include <errno.h>

#include "trust/key_cache.h"

static void decide(struct dkim_verdict *v, enum trust_result result, const char *reason)
{
	v->result = result;
	v->reason = reason;
	v->is_open = false;
}

/* --- before the key ---------------------------------------------------------------------- */

void dkim_verdict_begin(struct arena *arena, enum dkim_kind kind, struct slice field,
                        const struct dkim_rules *rules, struct dkim_bodies *bodies,
                        struct dkim_verdict *out)
{
	*out = (struct dkim_verdict){ .field = field,
		                      .reason = "",
		                      .body = -1,
		                      .body_hash = SLICE_EMPTY,
		                      .key_record = SLICE_EMPTY,
		                      .tls_report = rules->tls_report &&
		                                    kind == DKIM_KIND_SIGNATURE,
		                      .is_open = true };
	const struct dkim_signature *s = &out->signature;
	const char *wrong = dkim_signature_parse(arena, kind, field, &out->signature);
	if (wrong)
		decide(out, TRUST_NEUTRAL, wrong);
	else if (s->algorithm == DKIM_RSA_SHA1)
		decide(out, TRUST_PERMERROR, "rsa-sha1 is not accepted any more (RFC 8301)");
	else if (s->expires_s >= 0 && s->expires_s < rules->now_s)
		decide(out, TRUST_FAIL, "the signature has expired (x=)");
	if (out->is_open && kind != DKIM_KIND_ARC_SEAL)
		out->body = dkim_bodies_want(bodies, s);
}

void dkim_verdict_compare(struct arena *arena, const struct dkim_rules *rules,
                          const struct dkim_bodies *bodies, struct dkim_verdict *v)
{
	const struct dkim_signature *s = &v->signature;
	if (!v->is_open || v->body < 0)
		return;
	const struct dkim_body_hash *found = &bodies->items[v->body];
	v->body_hash = arena_copy(arena, dkim_digest_slice(&found->digest));
	v->body_bytes = bodies->total[s->body_canon];
	v->signed_bytes = s->has_length ? s->length : v->body_bytes;
	if (v->signed_bytes > v->body_bytes)
		v->changed = "the body is shorter than what was signed (l=)";
	else if (!slice_equal(v->body_hash, s->body_hash))
		v->changed = "the body was changed: its hash is not the one that was signed";
	else if (v->signed_bytes < v->body_bytes && !rules->partial_body)
		decide(v, TRUST_POLICY, "only the beginning of the body is signed (l=)");
	v->key_name = v->is_open ? dkim_key_name(arena, s) : NULL;
}

/* --- with the key ------------------------------------------------------------------------ */

/* The DNS has no key for certain, or does not say now. */
static void decide_without(struct dkim_verdict *v, int result)
{
	if (result == -ENOENT || result == -ENODATA)
		decide(v, TRUST_PERMERROR, "there is no key in the DNS");
	else if (result == -EINVAL)
		decide(v, TRUST_PERMERROR, "no key can have that name");
	else if (result == -EBADMSG)
		decide(v, TRUST_TEMPERROR, "DNSSEC says that the answer with the key is forged");
	else
		decide(v, TRUST_TEMPERROR, "the DNS did not say in time what the key is");
}

/* RFC 6376 section 3.6.2.2: one record is to be there, and which of several holds is undefined.
 * Texts that are for something else (a wildcard with SPF) don't count. */
static const struct slice *find_record(const struct slice *texts, size_t count, size_t *found)
{
	const struct slice *record = NULL;
	*found = 0;
	for (size_t i = 0; i < count && i < DKIM_RECORDS_MAX; i++) {
		if (dkim_key_is_record(texts[i])) {
			record = &texts[i];
			(*found)++;
		}
	}
	return record;
}

static bool find_key(struct arena *arena, struct dkim_keys *keys, int result,
                     const struct slice *texts, size_t count, struct dkim_verdict *v,
                     struct dkim_key *key_out)
{
	size_t found = 0;
	if (result != 0) {
		decide_without(v, result);
		return false;
	}
	const struct slice *record = find_record(texts, count, &found);
	if (!record || found > 1) {
		decide(v, TRUST_PERMERROR,
		       record ? "there are several keys of that name"
		              : "there is no key in the DNS");
		return false;
	}
	v->key_record = *record;
	const char *wrong = dkim_keys_get(keys, arena, *record, key_out);
	if (!wrong) {
		v->key_bits = key_out->bits;
		v->testing = key_out->testing;
		v->report_only = !key_out->for_mail;
		wrong = dkim_key_fits(key_out, &v->signature, v->tls_report);
		if (!wrong)
			return true;
		dkim_key_end(key_out);
	}
	decide(v, TRUST_PERMERROR, wrong);
	return false;
}

/* A domain that only tests is to be taken as if it had not signed (section 3.6.1, t=). */
bool dkim_verdict_key(struct arena *arena, struct dkim_keys *keys, int result,
                      const struct slice *texts, size_t count, struct dkim_verdict *v,
                      struct dkim_key *key_out)
{
	bool found = find_key(arena, keys, result, texts, count, v, key_out);
	if (!v->changed)
		return found;
	if (found)
		dkim_key_end(key_out);
	decide(v, v->testing ? TRUST_NEUTRAL : TRUST_FAIL, v->changed);
	return false;
}

void dkim_verdict_decide(const struct dkim_key *key, struct slice digest, struct dkim_verdict *v)
{
	if (dkim_key_verify(key, &v->signature, digest))
		decide(v, TRUST_PASS, v->testing ? "the domain is only testing (t=y)" : "");
	/* Section 3.6.1: then it is as if there were no signature. */
	else if (v->testing)
		decide(v, TRUST_NEUTRAL,
		       "the signature is wrong, and the domain is only testing (t=y)");
	else
		decide(v, TRUST_FAIL, "the header was changed, or another key has signed it");
}

/* --- all of a message -------------------------------------------------------------------- */

static const struct slice name = { "DKIM-Signature", 14 };

static size_t count_signatures(const struct dkim_header *h)
{
	size_t count = 0;
	for (size_t i = 0; i < h->count; i++)
		count += slice_equal_nocase(h->fields[i].name, name);
	return count;
}

void dkim_check_begin(struct dkim_check *c, struct arena *arena, struct dkim_header *header,
                      const struct dkim_rules *rules, struct dkim_bodies *bodies)
{
	size_t max = rules->max_signatures < DKIM_SIGNATURES_MAX ? rules->max_signatures
	                                                         : DKIM_SIGNATURES_MAX;
	*c = (struct dkim_check){ .arena = arena, .header = header, .rules = *rules };
	c->found = count_signatures(header);
	c->verdicts = ARENA_ARRAY(arena, c->found < max ? c->found + 1 : max + 1,
	                          struct dkim_verdict);
	for (size_t i = 0; i < header->count && c->count < max; i++) {
		if (!slice_equal_nocase(header->fields[i].name, name))
			continue;
		struct dkim_verdict *v = &c->verdicts[c->count++];
		dkim_verdict_begin(arena, DKIM_KIND_SIGNATURE, header->fields[i].whole, rules,
		                   bodies, v);
		if (header->cut)
			decide(v, TRUST_PERMERROR, "the header is too long to be checked");
	}
}

void dkim_check_compare(struct dkim_check *c, const struct dkim_bodies *bodies)
{
	for (size_t i = 0; i < c->count; i++)
		dkim_verdict_compare(c->arena, &c->rules, bodies, &c->verdicts[i]);
}

void dkim_check_answer(struct dkim_check *c, struct dkim_keys *keys, size_t i, int result,
                       const struct slice *texts, size_t count)
{
	struct dkim_verdict *v = &c->verdicts[i];
	struct dkim_digest digest;
	struct dkim_key key;
	if (!v->is_open || !dkim_verdict_key(c->arena, keys, result, texts, count, v, &key))
		return;
	dkim_header_digest(c->arena, c->header, v->field, &v->signature, &digest);
	dkim_verdict_decide(&key, dkim_digest_slice(&digest), v);
	dkim_key_end(&key);
	/* Section 8.15: people may be shown that one. */
	if (v->result == TRUST_PASS && dkim_header_take(c->header, SLICE("From")))
		decide(v, TRUST_FAIL, "there is another From, which is not signed");
}
