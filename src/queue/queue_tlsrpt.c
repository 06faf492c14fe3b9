#include "queue/queue_tlsrpt.h"

#include <errno.h>

#include "base/hash.h"
#include "base/log.h"
#include "queue/queue_tlsrpt_internal.h"

#define FLUSH_MS (5 * 1000)
#define LOOK_MS  (60 * 1000)
/* What is in memory at most; then it is written at once, or lost. */
enum { COUNTS_MAX = 20000 };

struct count {
	int64_t day, count;
	struct slice domain, policy, failure;
};

struct counts {
	struct arena *arena;
	struct hash *by_key; /* struct count */
};

struct queue_tlsrpt {
	struct queue *queue;
	pthread_mutex_t lock;
	struct counts counts;
};

static struct counts new_counts(void)
{
	return (struct counts){ .arena = arena_new(), .by_key = hash_new() };
}

static void free_counts(struct counts *c)
{
	hash_free(c->by_key);
	arena_free(c->arena);
}

struct queue_tlsrpt *queue_tlsrpt_new(struct queue *q)
{
	struct queue_tlsrpt *t = mem_zero(1, sizeof(*t));
	t->queue = q;
	t->counts = new_counts();
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void queue_tlsrpt_free(struct queue_tlsrpt *t)
{
	if (!t)
		return;
	free_counts(&t->counts);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- counting ------------------------------------------------------------------------- */

static void count(struct queue_tlsrpt *t, struct slice domain, struct slice policy,
                  struct slice failure)
{
	int64_t day = clock_wall_ms() / TLSRPT_DAY_MS;
	struct arena *arena = arena_new();
	struct slice key = arena_concat(
		arena,
		(struct slice[]){ slice_from_str(arena_printf(arena, "%lld ", (long long)day)),
	                          domain, SLICE(" "), policy, failure },
		5);
	pthread_mutex_lock(&t->lock);
	struct count *known = hash_find(t->counts.by_key, key);
	if (known) {
		known->count++;
	} else if (hash_count(t->counts.by_key) < COUNTS_MAX) {
		known = ARENA_NEW(t->counts.arena, struct count);
		*known = (struct count){ .day = day,
			                 .count = 1,
			                 .domain = arena_copy(t->counts.arena, domain),
			                 .policy = arena_copy(t->counts.arena, policy),
			                 .failure = arena_copy(t->counts.arena, failure) };
		hash_put(t->counts.by_key, key, known);
	}
	pthread_mutex_unlock(&t->lock);
	arena_free(arena);
}

static bool is_counted(const struct queue *q, const struct tls_policy_domain *d)
{
	return q->config.config->tls_report.enabled && !d->smarthost &&
	       d->demand != TLS_DEMAND_IGNORE && d->kind != CLIENT_BY_LITERAL;
}

/* Of a session that there is. NULL: all is well. */
static const char *failure_of_session(const struct tls_policy *p, const struct smtp_client *client,
                                      struct slice *reason)
{
	bool has_tls = smtp_client_tls(client).protocol != NULL;
	enum tls_trouble trouble = smtp_client_tls_trouble(client);
	if (!has_tls && (smtp_client_extensions(client) & SMTP_EXT_STARTTLS)) {
		*reason = SLICE("the handshake failed");
		return tlsrpt_type_of_tls(TLS_FAILED);
	}
	if (!has_tls)
		return tlsrpt_type_of_tls(TLS_NOT_OFFERED);
	if (p->testing && !p->testing_has_host) {
		*reason = SLICE("the policy does not name the host");
		return "validation-failure";
	}
	if (p->testing)
		return tlsrpt_type_of_tls(trouble);
	if (p->kind == TLS_POLICY_DANE && p->dane.usable == 0)
		return "tlsa-invalid";
	return NULL;
}

static const char *failure_of(const struct tls_policy *p, const struct smtp_client *client,
                              const struct smtp_outcome *outcome, struct slice *reason)
{
	if (client)
		return failure_of_session(p, client, reason);
	*reason = outcome->text;
	return p->refused ? p->refused : tlsrpt_type_of_tls(outcome->tls);
}

void queue_tlsrpt_note(struct queue *q, const struct tls_policy_domain *domain,
                       const struct tls_policy *policy, const struct client_hop *hop,
                       const struct smtp_client *client, const struct smtp_outcome *outcome)
{
	char receiving[NET_ADDRESS_TEXT_MAX], sending[NET_ADDRESS_TEXT_MAX] = "";
	/* What broke before TLS or after it is no matter of TLS. */
	if (!is_counted(q, domain) || (!client && outcome->stage != SMTP_STAGE_TLS))
		return;
	struct tlsrpt_failure failure = { .sending_ip = sending,
		                          .mx_host = hop->host,
		                          .receiving_ip = receiving };
	failure.type = failure_of(policy, client, outcome, &failure.reason);
	if (!client && !failure.type)
		return;
	net_address_ip(&hop->address, receiving);
	if (client)
		net_address_ip(smtp_client_local(client), sending);
	struct arena *arena = arena_new();
	struct slice text = failure.type ? tlsrpt_failure_text(arena, &failure) : SLICE_EMPTY;
	count(q->tlsrpt, domain->domain, tlsrpt_policy_text(arena, domain, policy), text);
	arena_free(arena);
}

void queue_tlsrpt_note_sts(struct queue *q, const struct tls_policy_domain *domain)
{
	if (!is_counted(q, domain) || domain->sts->trouble == STS_FINE)
		return;
	const struct tlsrpt_failure failure = { .type = tlsrpt_type_of_sts(domain->sts->trouble),
		                                .reason = slice_from_str(domain->sts->why) };
	struct arena *arena = arena_new();
	count(q->tlsrpt, domain->domain, tlsrpt_policy_text(arena, domain, NULL),
	      tlsrpt_failure_text(arena, &failure));
	arena_free(arena);
}

/* --- into the store ------------------------------------------------------------------- */

static int put_counts(struct db *db, void *arg)
{
	const struct counts *c = arg;
	struct slice key;
	void *value;
	size_t position = 0;
	int rc = 0;
	while (rc == 0 && hash_next(c->by_key, &position, &key, &value)) {
		const struct count *one = value;
		rc = tlsrpt_count_add(db, one->day, one->domain, one->policy, one->failure,
		                      one->count);
	}
	return rc;
}

static int flush(struct queue_tlsrpt *t)
{
	pthread_mutex_lock(&t->lock);
	struct counts taken = t->counts;
	bool any = hash_count(taken.by_key) > 0;
	if (any)
		t->counts = new_counts();
	pthread_mutex_unlock(&t->lock);
	if (!any)
		return 0;
	int rc = store_commit(t->queue->config.store, NULL, 0, put_counts, &taken);
	if (rc < 0)
		log_error("tlsrpt.counts.lost", kv_error(rc));
	free_counts(&taken);
	return rc;
}

/* --- the day -------------------------------------------------------------------------- */

static int expire(struct db *db, void *arg)
{
	const int64_t *before_ms = arg;
	return tlsrpt_expire(db, *before_ms);
}

static void look(struct queue *q)
{
	const struct config *c = q->config.config;
	int64_t now_ms = clock_wall_ms(), today = now_ms / TLSRPT_DAY_MS;
	int64_t before_ms = now_ms - c->tls_report.keep_ms;
	int rc = queue_tlsrpt_make(q, today, now_ms, c->tls_report.spread_ms);
	if (rc == 0)
		rc = queue_tlsrpt_send_due(q);
	if (rc == 0)
		rc = store_commit(q->config.store, NULL, 0, expire, &before_ms);
	if (rc < 0 && rc != -ECANCELED)
		log_error("tlsrpt.failed", kv_error(rc));
}

static void run(void *arg)
{
	struct queue_tlsrpt *t = arg;
	int64_t next_ms = 0;
	while (fiber_sleep(deadline_in(FLUSH_MS)) == 0) {
		flush(t);
		if (clock_monotonic_ms() < next_ms)
			continue;
		look(t->queue);
		next_ms = clock_monotonic_ms() + LOOK_MS;
	}
	flush(t);
}

void queue_tlsrpt_start(struct queue_tlsrpt *t) { fiber_start(-1, "tls reports", run, t); }

static int hurry(struct db *db, void *arg)
{
	const int64_t *now_ms = arg;
	return tlsrpt_row_hurry(db, *now_ms);
}

int queue_tlsrpt_send(struct queue *q)
{
	int64_t now_ms = clock_wall_ms();
	int rc = flush(q->tlsrpt);
	if (rc == 0)
		rc = queue_tlsrpt_make(q, now_ms / TLSRPT_DAY_MS + 1, now_ms, 0);
	if (rc == 0)
		rc = store_commit(q->config.store, NULL, 0, hurry, &now_ms);
	return rc == 0 ? queue_tlsrpt_send_due(q) : rc;
}
