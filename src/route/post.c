#include "route/post.h"

#include <errno.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "directory/send_as.h"
#include "route/post_internal.h"
#include "route/post_sieve.h"
#include "store/store.h"

_Static_assert(QUEUE_ID_LEN == 16, "post.h says 16 characters");

int post_open(const struct post_config *config, struct post **out)
{
	struct post *p = mem_zero(1, sizeof(*p));
	p->config = *config;
	queue_id_source_create(&p->ids);
	snprintf(p->owner, sizeof(p->owner), "%016llx", (unsigned long long)random_u64());
	int rc = srs_open(config->store, config->config, &p->srs);
	if (rc == 0)
		rc = batv_open(config->store, config->config, &p->batv);
	if (rc < 0) {
		post_close(p);
		return rc;
	}
	if (config->config->sieve.enabled)
		p->sieve = post_sieve_open(config->config, NULL);
	*out = p;
	return 0;
}

void post_close(struct post *p)
{
	srs_close(p->srs);
	batv_close(p->batv);
	post_sieve_close(p->sieve);
	free(p);
}

struct post_sieve *post_scripts(const struct config *config, struct buf *errors)
{
	return config->sieve.enabled ? post_sieve_open(config, errors) : NULL;
}

void post_scripts_free(struct post_sieve *s) { post_sieve_close(s); }

void post_use(struct post *p, const struct config *config, struct post_sieve *scripts)
{
	struct post_sieve *old = p->sieve;
	bool same = config == p->config.config && post_sieve_is_same(old, scripts);
	p->config.config = config;
	if (same || !scripts) {
		post_sieve_close(scripts);
		return;
	}
	scripts->older = old;
	p->sieve = scripts;
}

struct route_limits post_limits(const struct post *p)
{
	struct route_limits limits = route_limits_of(p->config.config);
	limits.srs = p->srs;
	limits.batv = p->batv;
	return limits;
}

const char *post_owner(const struct post *p) { return p->owner; }

void post_new_id(struct post *p, char out[static 17])
{
	queue_id_next(&p->ids, clock_wall_ms(), out);
}

/* --- asking about one address -------------------------------------------------------- */

struct question {
	struct post *post;
	struct arena *arena;
	struct address address;
	uint64_t size_bytes;
	struct route_resolution found;
};

static int post_ask(struct db *db, void *arg)
{
	struct question *q = arg;
	const struct route_limits limits = post_limits(q->post);
	return route_resolve(db, q->arena, &limits, &q->address, q->size_bytes, &q->found);
}

static enum post_verdict post_judge_targets(const struct route_resolution *found)
{
	for (const struct route_target *t = found->targets; t; t = t->next) {
		if (t->full)
			continue;
		if (found->count > 1)
			return POST_LIST;
		return t->account_id != 0 ? POST_LOCAL : POST_FORWARDED;
	}
	if (found->count > 0)
		return POST_OVER_QUOTA;
	return found->disabled > 0 ? POST_DISABLED : POST_NO_USER;
}

/* In a domain whose mail is taken from everybody; *asks_out: it is for the next host to say. */
static enum post_verdict post_judge_relay(const struct post_client *client,
                                          const struct question *q, bool *asks_out)
{
	const struct config_relay *relay = q->found.relay;
	if (!relay)
		return POST_REMOTE;
	*asks_out = relay->verify == RELAY_VERIFY_CALL_AHEAD &&
	            q->post->config.call_ahead != NULL && client->waits &&
	            !slice_equal_nocase(q->address.local, SLICE("postmaster"));
	return q->found.listed ? POST_REMOTE : POST_NO_USER;
}

/* Not for who may relay: that is told what is known for sure, and not held up by the rest. */
static enum post_verdict post_call_ahead(struct post *p, const struct post_client *client,
                                         const struct question *q)
{
	const struct config_relay *relay = q->found.relay;
	switch (p->config.call_ahead(p->config.queued_arg, relay, &q->address)) {
	case POST_KNOWN:
		return POST_REMOTE;
	case POST_UNKNOWN:
		return POST_NO_USER;
	case POST_UNSURE:
		break;
	}
	return client->may_relay || relay->on_trouble == RELAY_TROUBLE_ACCEPT ? POST_REMOTE
	                                                                      : POST_UNVERIFIED;
}

static enum post_verdict post_judge(const struct post_client *client, const struct question *q,
                                    bool *asks_out)
{
	if (q->found.loop) {
		log_warn("route.alias.loop", kv_slice("local", q->address.local),
		         kv_slice("domain", q->address.domain));
		return POST_ALIAS_LOOP;
	}
	if (q->found.moved)
		return POST_MOVED;
	if (!q->found.local && q->found.count > 0)
		return client->may_relay || q->found.fetched ? post_judge_relay(client, q, asks_out)
		                                             : POST_NO_RELAY;
	enum post_verdict verdict = post_judge_targets(&q->found);
	/* Without a single account there is nobody yet, which is to change. */
	if (verdict >= POST_NO_USER && slice_equal_nocase(q->address.local, SLICE("postmaster")))
		return POST_TEMPORARY;
	return verdict;
}

enum post_verdict post_check_recipient(struct post *p, const struct post_client *client,
                                       struct slice local, struct slice domain, uint64_t size)
{
	struct question q = {
		.post = p,
		.arena = arena_new(),
		.address = { .local = local, .domain = domain },
		.size_bytes = size,
	};
	int rc = store_read(p->config.store, post_ask, &q);
	bool asks = false;
	enum post_verdict verdict = rc < 0 ? POST_TEMPORARY : post_judge(client, &q, &asks);
	if (verdict == POST_REMOTE && asks)
		verdict = post_call_ahead(p, client, &q);
	if (verdict == POST_REMOTE && !post_unix_user_is_known(p, q.arena, &q.address))
		verdict = POST_NO_USER;
	if (rc < 0)
		log_error("route.recipient.failed", kv_error(rc));
	arena_free(q.arena);
	return verdict;
}

static bool post_leads_to(const struct route_resolution *found, int64_t account_id)
{
	for (const struct route_target *t = found->targets; t; t = t->next) {
		if (t->account_id == account_id)
			return true;
	}
	return false;
}

struct delegate {
	int64_t account_id;
	struct slice address;
	bool may;
};

static int post_ask_delegate(struct db *db, void *arg)
{
	struct delegate *d = arg;
	return directory_may_send_as(db, d->account_id, d->address, &d->may);
}

static bool post_is_delegate(struct post *p, struct arena *arena, int64_t account_id,
                             const struct address *address)
{
	struct delegate d = { .account_id = account_id };
	struct address canonical;
	if (!address_canonical(arena, address, &canonical))
		return false;
	d.address = address_text(arena, &canonical);
	return store_read(p->config.store, post_ask_delegate, &d) == 0 && d.may;
}

bool post_owns_sender(struct post *p, const struct post_client *client, struct slice local,
                      struct slice domain)
{
	if (local.len == 0 && domain.len == 0)
		return true;
	if (!client->account)
		return false;
	struct question q = {
		.post = p,
		.arena = arena_new(),
		.address = { .local = local, .domain = domain },
	};
	struct slice own = slice_from_str(client->account);
	bool owns = slice_equal_nocase(address_text(q.arena, &q.address), own);
	if (!owns && store_read(p->config.store, post_ask, &q) == 0)
		owns = q.found.local && post_leads_to(&q.found, client->account_id);
	if (!owns)
		owns = post_is_delegate(p, q.arena, client->account_id, &q.address);
	arena_free(q.arena);
	return owns;
}

struct post_counts post_counts(const struct post *p)
{
	return (struct post_counts){
		.accepted = p->results[POST_ACCEPTED],
		.bytes = p->bytes,
		.mailboxes = p->mailboxes,
		.queued = p->queued,
		.held = p->held,
		.released = p->released,
		.full = p->results[POST_FULL],
		.loops = p->results[POST_LOOP],
		.quota = p->results[POST_QUOTA],
		.failed = p->results[POST_FAILED],
		.events = p->events,
		.event_errors = p->event_errors,
		.events_lost = p->events_lost,
	};
}
