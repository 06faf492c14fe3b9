#include "trust/trust.h"

#include <errno.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "trust/domainkeys.h"
#include "trust/key_cache.h"
#include "trust/trust_dmarc.h"
#include "trust/trust_internal.h"
#include "trust/trust_keys.h"
#include "trust/trust_spf.h"

/* A body that is larger is hashed on the thread pool: others wait for this worker. */
enum { OFFLOAD_BYTES = 256 * 1024 };

int trust_open(const struct trust_config *config, struct trust **out)
{
	struct trust *t = mem_zero(1, sizeof(*t));
	t->config = config->config;
	t->dns = config->dns;
	t->store = config->store;
	t->keys = dkim_keys_new();
	pthread_mutex_init(&t->lock, NULL);
	int rc = t->store ? trust_keys_changed(t) : 0;
	if (rc < 0)
		trust_close(t);
	else
		*out = t;
	return rc;
}

void trust_close(struct trust *t)
{
	if (!t)
		return;
	trust_signer_release(t->signers);
	pthread_mutex_destroy(&t->lock);
	dkim_keys_free(t->keys);
	free(t);
}

void trust_use(struct trust *t, const struct config *config) { t->config = config; }

struct slice trust_authserv_id(const struct trust *t)
{
	const char *id = t->config->trust.authserv_id;
	return slice_from_str(id ? id : t->config->hostname);
}

/* --- a check ----------------------------------------------------------------------------- */

struct work {
	struct trust *trust;
	struct arena *arena;
	struct dkim_header header;
	struct dkim_bodies bodies;
	struct dkim_check dkim;
	struct arc_check arc;
	struct domainkeys_check old;
	/* Keys, each name once. */
	struct dns_question names[DNS_QUESTIONS_MAX];
	size_t name_count;
	struct dns_answer answers[DNS_QUESTIONS_MAX];
	int results[DNS_QUESTIONS_MAX];
};

static void hash_bodies(void *arg)
{
	struct work *w = arg;
	dkim_bodies_begin(&w->bodies, w->arena);
	dkim_bodies_add(&w->bodies, w->header.body);
	dkim_bodies_end(&w->bodies);
	domainkeys_hash(&w->old);
}

/* The place of the question. */
static size_t want_key(struct work *w, const char *name)
{
	size_t i = 0;
	while (i < w->name_count &&
	       !slice_equal(slice_from_str(w->names[i].name), slice_from_str(name)))
		i++;
	if (i == w->name_count && i < DNS_QUESTIONS_MAX) {
		w->results[i] = -EAGAIN;
		w->names[w->name_count++] = (struct dns_question){ name, DNS_TYPE_TXT };
	}
	return i;
}

static int ask_keys(struct work *w, int64_t deadline)
{
	for (size_t i = 0; i < w->dkim.count; i++) {
		if (w->dkim.verdicts[i].is_open)
			want_key(w, w->dkim.verdicts[i].key_name);
	}
	for (size_t i = 0; i < arc_check_keys(&w->arc); i++) {
		if (arc_check_key(&w->arc, i))
			want_key(w, arc_check_key(&w->arc, i));
	}
	if (w->old.verdict.is_open) {
		want_key(w, w->old.verdict.key_name);
		want_key(w, w->old.policy_name);
	}
	if (w->name_count == 0 || !w->trust->dns)
		return 0;
	return dns_each(w->trust->dns, w->arena, w->names, w->name_count, deadline, w->answers,
	                w->results);
}

static void answer_arc(struct work *w)
{
	for (size_t i = 0; i < arc_check_keys(&w->arc); i++) {
		if (!arc_check_key(&w->arc, i))
			continue;
		size_t at = want_key(w, arc_check_key(&w->arc, i));
		const struct dns_answer *a = &w->answers[at];
		bool found = w->results[at] == 0;
		arc_check_answer(&w->arc, w->trust->keys, i, w->results[at],
		                 found ? a->texts : NULL, found ? a->count : 0);
	}
	arc_check_end(&w->arc);
}

static void answer_keys(struct work *w)
{
	for (size_t i = 0; i < w->dkim.count; i++) {
		const struct dkim_verdict *v = &w->dkim.verdicts[i];
		if (!v->is_open)
			continue;
		size_t at = want_key(w, v->key_name);
		const struct dns_answer *a = &w->answers[at];
		bool found = w->results[at] == 0;
		dkim_check_answer(&w->dkim, w->trust->keys, i, w->results[at],
		                  found ? a->texts : NULL, found ? a->count : 0);
	}
}

static void answer_old(struct work *w)
{
	if (!w->old.verdict.is_open)
		return;
	size_t key = want_key(w, w->old.verdict.key_name);
	size_t policy = want_key(w, w->old.policy_name);
	domainkeys_answer(&w->old, w->trust->keys, w->results[key], w->answers[key].texts,
	                  w->results[key] == 0 ? w->answers[key].count : 0);
	if (w->results[policy] == 0)
		domainkeys_policy(&w->old, w->answers[policy].texts, w->answers[policy].count);
}

static int check_signatures(struct trust *t, struct arena *arena,
                            const struct trust_question *question, struct trust_results *out)
{
	const struct config_trust *c = &t->config->trust;
	struct dkim_rules rules = { .max_signatures = c->max_signatures,
		                    .partial_body = c->partial_body,
		                    .now_s = clock_wall_ms() / 1000 };
	struct work *w = ARENA_NEW(arena, struct work);
	w->trust = t;
	w->arena = arena;
	*out = (struct trust_results){ .authserv_id = trust_authserv_id(t) };
	dkim_header_index(arena, question->message, t->config->message.header_bytes, &w->header);
	rules.tls_report = trust_is_tls_report(arena, &w->header);
	dkim_check_begin(&w->dkim, arena, &w->header, &rules, &w->bodies);
	arc_check_begin(&w->arc, arena, &w->header, &rules, &w->bodies);
	if (c->domainkeys)
		domainkeys_begin(&w->old, arena, &w->header);
	if (w->header.body.len > OFFLOAD_BYTES && (w->bodies.count > 0 || w->old.present))
		fiber_offload(hash_bodies, w);
	else
		hash_bodies(w);
	dkim_check_compare(&w->dkim, &w->bodies);
	arc_check_compare(&w->arc, &w->bodies);
	int rc = ask_keys(w, deadline_in(c->timeout_ms));
	if (rc < 0)
		return rc;
	answer_keys(w);
	answer_arc(w);
	answer_old(w);
	trust_add_dkim(out, arena, &w->dkim);
	trust_add_domainkeys(out, arena, &w->old);
	trust_add_arc(out, arena, &w->arc, c, question->client);
	return 0;
}

int trust_check(struct trust *t, struct arena *arena, const struct trust_question *question,
                struct trust_results *out)
{
	struct trust_spf *own = question->spf ? NULL : trust_spf_begin(t, question);
	struct trust_spf *spf = question->spf ? question->spf : own;
	struct trust_dmarc *dmarc = trust_dmarc_begin(t, question->message);
	int rc = check_signatures(t, arena, question, out);
	if (rc == 0) {
		trust_add_spf(out, arena, spf);
		trust_add_dmarc(out, arena, dmarc, spf);
	}
	trust_dmarc_end(dmarc);
	trust_spf_end(own);
	return rc;
}
