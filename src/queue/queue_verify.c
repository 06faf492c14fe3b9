/* Call-ahead: a recipient of a relay domain is asked for at the next host before a stranger's mail
 * is taken, so that nothing comes in that would have to bounce.
 *
 * Strangers decide how many questions there are. So answers are kept (call_ahead.h), only some
 * questions to a domain are asked at a time, each has one deadline for all of it, and a domain
 * whose host is in trouble is left alone for a while. */
#include <errno.h>

#include "base/hash.h"
#include "base/log.h"
#include "client/client_route.h"
#include "fiber/sync.h"
#include "queue/call_ahead.h"
#include "queue/queue_dial.h"

/* After a question that got no answer. */
#define TROUBLE_PAUSE_MS (60 * 1000)

/* Who asks about a recipient holds the lock that its address hashes to, and whoever wants to know
 * the same waits for that. */
#define LOCKS 256

/* One a domain of sections relay, of all configurations that were in force; one more if the limit
 * of probes became another. The latest first. They are there until the queue closes. */
struct queue_verifier {
	struct queue_verifier *next;
	const char *domain; /* of that configuration */
	unsigned max_probes;
	struct semaphore *probes;
	struct fiber_mutex *locks[LOCKS];
	_Atomic int64_t trouble_until_ms; /* monotonic */
};

struct probe {
	struct queue *queue;
	const struct config_relay *relay;
	struct queue_verifier *verifier;
	struct arena *arena;
	struct slice path; /* as given */
	struct slice key;  /* canonical */
	int64_t deadline;
	struct call_ahead_row row;
	struct smtp_outcome outcome;
};

static struct queue_verifier *find_verifier(const struct queue *q, const struct config_relay *relay)
{
	struct queue_verifier *v = q->verifiers;
	while (v && (v->max_probes != relay->max_probes ||
	             !slice_equal(slice_from_str(v->domain), slice_from_str(relay->domain))))
		v = v->next;
	return v;
}

void queue_verify_open(struct queue *q, const struct config *c)
{
	for (size_t i = 0; i < c->relay_count; i++) {
		const struct config_relay *relay = &c->relays[i];
		if (find_verifier(q, relay))
			continue;
		struct queue_verifier *v = mem_zero(1, sizeof(*v));
		v->domain = relay->domain;
		v->max_probes = relay->max_probes;
		v->probes = semaphore_new(relay->max_probes);
		for (size_t j = 0; j < LOCKS; j++)
			v->locks[j] = fiber_mutex_new();
		v->next = q->verifiers;
		q->verifiers = v;
	}
}

void queue_verify_close(struct queue *q)
{
	struct queue_verifier *v = q->verifiers;
	while (v) {
		struct queue_verifier *next = v->next;
		semaphore_free(v->probes);
		for (size_t j = 0; j < LOCKS; j++)
			fiber_mutex_free(v->locks[j]);
		free(v);
		v = next;
	}
}

/* --- what is known -------------------------------------------------------------------- */

static int find_in_read(struct db *db, void *arg)
{
	struct probe *p = arg;
	return call_ahead_find(db, p->arena, p->key, &p->row);
}

static bool is_known_already(struct probe *p)
{
	int rc = store_read(p->queue->config.store, find_in_read, p);
	if (rc < 0)
		return false;
	int64_t age_ms = clock_wall_ms() - p->row.asked_ms;
	return age_ms >= 0 &&
	       age_ms < (p->row.known ? p->relay->known_for_ms : p->relay->unknown_for_ms);
}

static int put_in_commit(struct db *db, void *arg)
{
	const struct probe *p = arg;
	return call_ahead_put(db, p->key, &p->row);
}

static void keep(struct probe *p, bool known)
{
	p->row = (struct call_ahead_row){ .known = known,
		                          .asked_ms = clock_wall_ms(),
		                          .reply = p->outcome.text };
	int rc = store_commit(p->queue->config.store, NULL, 0, put_in_commit, p);
	if (rc < 0)
		log_error("relay.answer.lost", kv_slice("recipient", p->key), kv_error(rc));
}

/* --- asking --------------------------------------------------------------------------- */

/* RCPT was refused: because of the recipient, or of us? By RFC 3463 it is the recipient in 5.1.x
 * but for 5.1.7 and 5.1.8, which are about senders, and in 5.2.1 (disabled). 5.4.1 is what
 * Exchange says for it. */
static bool is_about_recipient(const struct smtp_outcome *o)
{
	const struct smtp_enhanced e = o->enhanced;
	if (o->stage != SMTP_STAGE_RCPT || o->code / 100 != 5 || e.class != 5)
		return false;
	if (e.subject == 1)
		return e.detail != 7 && e.detail != 8;
	return (e.subject == 2 && e.detail == 1) || (e.subject == 4 && e.detail == 1) ||
	       (e.subject == 0 && (o->code == 550 || o->code == 551 || o->code == 553));
}

/* The first host that talks to us. */
static int ask_route(struct probe *p, const struct client_route *route)
{
	struct queue_dial dial = { .queue = p->queue, .arena = p->arena };
	int rc = queue_policy_find(p->queue, route, slice_from_str(p->relay->domain), dial.need,
	                           p->arena, p->deadline, &dial.domain, &p->outcome);
	if (rc < 0)
		return rc;
	queue_dial_prepare(&dial, route);
	dial.config.deadline = p->deadline;
	/* So that there is time for another host, too. */
	if (dial.config.timeouts.connect_ms > p->relay->probe_timeout_ms / 2)
		dial.config.timeouts.connect_ms = p->relay->probe_timeout_ms / 2;
	rc = queue_dial(&dial, route, &p->outcome);
	if (rc == 0)
		rc = smtp_client_verify(dial.client, p->path, p->arena, &p->outcome);
	queue_dial_end(&dial);
	return rc;
}

static enum post_known ask(struct probe *p)
{
	const struct queue_config *c = &p->queue->config;
	const struct client_errand errand = { .domain = slice_from_str(p->relay->domain) };
	struct client_route route;
	int rc = client_route_find(c->dns, c->config, p->arena, client_choose(c->config, &errand),
	                           errand.domain, p->deadline, &route, &p->outcome);
	if (rc == 0)
		rc = ask_route(p, &route);
	if (rc == 0 || is_about_recipient(&p->outcome)) {
		keep(p, rc == 0);
		return rc == 0 ? POST_KNOWN : POST_UNKNOWN;
	}
	if (rc == -ECANCELED)
		return POST_UNSURE;
	log_info("relay.call_ahead.failed", kv_slice("recipient", p->key),
	         kv_slice("why", p->outcome.text));
	/* One recipient that is to wait tells nothing of others. */
	if (p->outcome.stage != SMTP_STAGE_RCPT || p->outcome.code == 0)
		atomic_store(&p->verifier->trouble_until_ms,
		             clock_monotonic_ms() + TROUBLE_PAUSE_MS);
	return POST_UNSURE;
}

static enum post_known ask_in_turn(struct probe *p)
{
	if (clock_monotonic_ms() < atomic_load(&p->verifier->trouble_until_ms) ||
	    semaphore_take(p->verifier->probes, p->deadline) < 0)
		return POST_UNSURE;
	/* Who was before us may have found out that nobody answers. */
	enum post_known known = POST_UNSURE;
	if (clock_monotonic_ms() >= atomic_load(&p->verifier->trouble_until_ms))
		known = ask(p);
	semaphore_post(p->verifier->probes);
	return known;
}

/* One question at a time about a recipient: a storm of mail for one becomes one probe. */
static enum post_known ask_alone(struct probe *p)
{
	struct fiber_mutex *lock = p->verifier->locks[hash_bytes(p->key) % LOCKS];
	enum post_known known;
	if (fiber_mutex_lock(lock, p->deadline) < 0)
		return POST_UNSURE;
	if (is_known_already(p))
		known = p->row.known ? POST_KNOWN : POST_UNKNOWN;
	else
		known = ask_in_turn(p);
	fiber_mutex_unlock(lock);
	return known;
}

enum post_known queue_verify(struct queue *q, const struct config_relay *relay,
                             const struct address *recipient)
{
	struct probe p = { .queue = q,
		           .relay = relay,
		           .verifier = find_verifier(q, relay),
		           .arena = arena_new(),
		           .deadline = deadline_in(relay->probe_timeout_ms) };
	struct address canonical, wire = *recipient;
	enum post_known known = POST_UNKNOWN;
	if (address_canonical(p.arena, recipient, &canonical)) {
		wire.domain = canonical.domain;
		p.key = address_text(p.arena, &canonical);
		p.path = address_text(p.arena, &wire);
		if (is_known_already(&p))
			known = p.row.known ? POST_KNOWN : POST_UNKNOWN;
		else
			known = ask_alone(&p);
	}
	arena_free(p.arena);
	return known;
}
