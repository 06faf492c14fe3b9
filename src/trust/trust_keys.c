#include "trust/trust_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "store/store.h"
#include "trust/dkim_private.h"
#include "trust/dkim_tag.h"
#include "trust/trust_internal.h"

enum {
	UPKEEP_MS = 60 * 60 * 1000,
	KEY_LOOKUP_MS = 20 * 1000,
};

struct trust_signers {
	atomic_int references;
	struct arena *arena;
	struct hash *by_domain;
};

/* --- signers ----------------------------------------------------------------------------- */

void trust_signer_release(struct trust_signers *s)
{
	size_t position = 0;
	struct slice domain;
	void *value;
	if (!s || atomic_fetch_sub(&s->references, 1) > 1)
		return;
	while (hash_next(s->by_domain, &position, &domain, &value)) {
		const struct dkim_signer *signer = value;
		for (size_t i = 0; i < signer->count; i++)
			EVP_PKEY_free(signer->keys[i].key);
	}
	hash_free(s->by_domain);
	arena_free(s->arena);
	free(s);
}

static int add_signer(const struct dkim_row *row, void *arg)
{
	struct trust_signers *s = arg;
	if (row->state != DKIM_ACTIVE)
		return 0;
	struct dkim_signer *signer = hash_find(s->by_domain, row->domain);
	if (!signer) {
		signer = ARENA_NEW(s->arena, struct dkim_signer);
		signer->domain = arena_copy(s->arena, row->domain);
		hash_put(s->by_domain, row->domain, signer);
	}
	EVP_PKEY *key = dkim_private_read(row->algorithm, row->private_key);
	if (!key || signer->count == DKIM_SIGNER_KEYS_MAX) {
		log_error("trust.key.unusable", kv_slice("domain", row->domain),
		          kv_slice("selector", row->selector),
		          kv_str("remedy", "remove it, and make another: veredus dkim"));
		EVP_PKEY_free(key);
		return 0;
	}
	signer->keys[signer->count++] = (struct dkim_signer_key){ .selector = arena_copy(
									  s->arena, row->selector),
		                                                  .algorithm = row->algorithm,
		                                                  .key = key };
	return 0;
}

static int read_signers(struct db *db, void *arg)
{
	return dkim_row_each(db, SLICE_EMPTY, add_signer, arg);
}

int trust_keys_changed(struct trust *t)
{
	struct trust_signers *s = mem_zero(1, sizeof(*s)), *before;
	atomic_store(&s->references, 1);
	s->arena = arena_new();
	s->by_domain = hash_new();
	int rc = store_read(t->store, read_signers, s);
	if (rc < 0) {
		trust_signer_release(s);
		return rc;
	}
	pthread_mutex_lock(&t->lock);
	before = t->signers;
	t->signers = s;
	pthread_mutex_unlock(&t->lock);
	trust_signer_release(before);
	return 0;
}

static const struct dkim_signer *nearest(const struct trust_signers *s, struct slice domain)
{
	const struct dkim_signer *signer = NULL;
	while (domain.len > 0 && !(signer = hash_find(s->by_domain, domain)))
		slice_split(&domain, '.');
	return signer;
}

bool trust_signer_find(struct trust *t, struct slice domain, struct trust_signers **hold,
                       const struct dkim_signer **signer)
{
	pthread_mutex_lock(&t->lock);
	struct trust_signers *s = t->signers;
	if (s)
		atomic_fetch_add(&s->references, 1);
	pthread_mutex_unlock(&t->lock);
	*signer = s ? nearest(s, domain) : NULL;
	*hold = s;
	if (!*signer)
		trust_signer_release(s);
	return *signer != NULL;
}

/* --- the DNS ----------------------------------------------------------------------------- */

struct checking {
	struct trust *trust;
	struct arena *arena;
	struct slice domain;
	struct dkim_row *rows;
	size_t count, capacity;
	const struct dkim_row *one;
	int64_t until_ms;
	struct dns *fresh; /* NULL: there is none */
};

static int gather_row(const struct dkim_row *row, void *arg)
{
	struct checking *c = arg;
	if (c->count == c->capacity) {
		size_t capacity = c->capacity > 0 ? 2 * c->capacity : 8;
		struct dkim_row *grown = ARENA_ARRAY(c->arena, capacity, struct dkim_row);
		if (c->count > 0)
			memcpy(grown, c->rows, c->count * sizeof(*grown));
		c->rows = grown;
		c->capacity = capacity;
	}
	struct dkim_row *copy = &c->rows[c->count++];
	*copy = *row;
	copy->domain = arena_copy(c->arena, row->domain);
	copy->selector = arena_copy(c->arena, row->selector);
	copy->private_key = arena_copy(c->arena, row->private_key);
	return 0;
}

static int gather_rows(struct db *db, void *arg)
{
	struct checking *c = arg;
	c->count = 0;
	return dkim_row_each(db, c->domain, gather_row, c);
}

/* Spaces and the order of tags don't matter: the key does. */
static bool is_same_key(struct arena *arena, struct slice text, struct slice record)
{
	struct dkim_tags there, ours;
	return dkim_tags_parse(text, &there) && dkim_tags_parse(record, &ours) &&
	       slice_equal(dkim_strip(arena, dkim_tags_value(&there, "p")),
	                   dkim_tags_value(&ours, "p"));
}

/* A resolver of its own: that there was no key yet would else be believed for as long as the zone
 * says, when somebody has just published it. Opening and closing one blocks. */
static void open_resolver(void *arg)
{
	struct checking *c = arg;
	const struct config *config = c->trust->config;
	const struct dns_config fresh = { .forwarder = config->dns.forwarder,
		                          .trust_anchor = config->dns.trust_anchor,
		                          .timeout_ms = config->dns.timeout_ms,
		                          .cache_bytes = -1 };
	if (c->trust->dns && dns_open(&fresh, &c->fresh) < 0)
		c->fresh = NULL;
}

static void close_resolver(void *arg)
{
	struct checking *c = arg;
	dns_close(c->fresh);
}

static void look_for(struct checking *c, struct trust_key_state *state)
{
	struct dns_answer answer = { .count = 0 };
	struct dns *dns = c->fresh ? c->fresh : c->trust->dns;
	int rc = dns_txt(dns, c->arena, state->name, deadline_in(KEY_LOOKUP_MS), &answer);
	state->found = TRUST_TEMPERROR;
	if (rc == -ENOENT || rc == -ENODATA)
		state->found = TRUST_NONE;
	if (rc != 0)
		return;
	state->found = TRUST_FAIL;
	state->text = answer.texts[0];
	if (answer.count == 1 && is_same_key(c->arena, answer.texts[0], state->record)) {
		state->found = TRUST_PASS;
		state->text = SLICE_EMPTY;
	}
}

static int activate(struct db *db, void *arg)
{
	const struct checking *c = arg;
	return dkim_row_activate(db, c->one->domain, c->one->selector, c->until_ms);
}

static int check_one(struct checking *c, const struct dkim_row *row, trust_key_visit visit,
                     void *arg)
{
	const struct dkim_signature where = { .domain = row->domain, .selector = row->selector };
	EVP_PKEY *key = dkim_private_read(row->algorithm, row->private_key);
	if (!key)
		return 0;
	struct trust_key_state state = {
		.row = row,
		.name = dkim_key_name(c->arena, &where),
		.record = dkim_private_record(c->arena, row->algorithm, key),
		.text = SLICE_EMPTY,
	};
	EVP_PKEY_free(key);
	look_for(c, &state);
	int rc = 0;
	c->one = row;
	c->until_ms = clock_wall_ms() + c->trust->config->trust.keep_old_keys_ms;
	if (row->state == DKIM_WAITS && state.found == TRUST_PASS) {
		rc = store_commit(c->trust->store, NULL, 0, activate, c);
		state.activated = rc == 0;
	}
	if (rc == 0 && visit)
		visit(&state, arg);
	return rc;
}

int trust_keys_check(struct trust *t, struct slice domain, trust_key_visit visit, void *arg)
{
	struct checking c = { .trust = t, .arena = arena_new(), .domain = domain };
	int rc = store_read(t->store, gather_rows, &c);
	fiber_offload(open_resolver, &c);
	/* In the order of their age: of two that wait, the later one signs in the end. */
	for (size_t i = 0; i < c.count && rc == 0; i++)
		rc = check_one(&c, &c.rows[i], visit, arg);
	fiber_offload(close_resolver, &c);
	arena_free(c.arena);
	int changed = trust_keys_changed(t);
	return rc < 0 ? rc : changed;
}

/* --- upkeep ------------------------------------------------------------------------------ */

struct upkeep {
	int64_t now_ms, expired;
	bool waiting;
};

static int note_waiting(const struct dkim_row *row, void *arg)
{
	struct upkeep *u = arg;
	u->waiting |= row->state == DKIM_WAITS;
	return 0;
}

static int expire(struct db *db, void *arg)
{
	struct upkeep *u = arg;
	int rc = dkim_row_expire(db, u->now_ms, &u->expired);
	return rc < 0 ? rc : dkim_row_each(db, SLICE_EMPTY, note_waiting, u);
}

static void tell(const struct trust_key_state *state, void *arg)
{
	(void)arg;
	if (state->activated)
		log_info("trust.key.active", kv_slice("domain", state->row->domain),
		         kv_slice("selector", state->row->selector));
}

static void keep_up(void *arg)
{
	struct trust *t = arg;
	while (fiber_sleep(deadline_in(UPKEEP_MS)) == 0) {
		struct upkeep u = { .now_ms = clock_wall_ms() };
		int rc = store_commit(t->store, NULL, 0, expire, &u);
		if (rc == 0 && u.waiting)
			rc = trust_keys_check(t, SLICE_EMPTY, tell, NULL);
		if (rc < 0)
			log_warn("trust.upkeep", kv_error(rc));
	}
}

void trust_start(struct trust *t)
{
	if (t->store)
		fiber_start(-1, "trust.upkeep", keep_up, t);
}
