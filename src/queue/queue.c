/* The queue's life. */
#include "queue/queue.h"

#include <errno.h>

#include "base/log.h"
#include "queue/queue_digest.h"
#include "queue/queue_failure.h"
#include "queue/queue_feedback.h"
#include "queue/queue_internal.h"

/* Recipients in memory; each is about a kilobyte. What is more has to be written into the table
 * once more, with a later date. */
#define READY_MAX_RECIPIENTS 20000
/* Of one destination, as far as they are taken from the table: enough to go on with. */
#define READY_MAX_FED 1000

static int open_tls(struct queue *q)
{
	char *why = NULL;
	int rc = tls_client_new(TLS_VERIFY_NONE, NULL, &q->tls_any, &why);
	if (rc == 0)
		rc = tls_client_new(TLS_VERIFY_NAME, NULL, &q->tls_verified, &why);
	if (rc < 0)
		log_error("queue.tls", kv_str("why", why));
	free(why);
	return rc;
}

/* The flag is for what comes while the feeder is in a commit, which takes wakes for its own. */
static void there_is_room(void *arg) { queue_added(arg); }

int queue_open(const struct queue_config *config, struct queue **out)
{
	struct queue *q = mem_zero(1, sizeof(*q));
	const struct config *c = config->config;
	const struct queue_limits limits = {
		.max_connections = c->queue.max_connections,
		.max_connections_per_destination = c->queue.max_connections_per_destination,
		.first_connections_per_destination = c->queue.first_connections_per_destination,
		.rates = c->queue.rates,
		.ways = c->smarthosts,
		.way_count = c->smarthost_count,
		.max_recipients = READY_MAX_RECIPIENTS,
		.max_fed = READY_MAX_FED,
		.room = there_is_room,
		.room_arg = q,
	};
	q->config = *config;
	q->schedule = queue_schedule_bounds(c);
	q->ready = queue_ready_new(&limits, &q->schedule);
	q->agenda = queue_agenda_new();
	q->groups = queue_groups_new();
	pthread_mutex_init(&q->recorder.lock, NULL);
	pthread_mutex_init(&q->clock.lock, NULL);
	pthread_mutex_init(&q->withdrawal.lock, NULL);
	list_init(&q->recorder.jobs);
	queue_leases_create(&q->leases, config->store,
	                    config->node ? config->node : store_node(config->store),
	                    post_owner(config->post), c->queue.lease_ms);
	queue_verify_open(q, c);
	q->notices = queue_notices_new();
	queue_final_open(q);
	q->source_turns = mem_zero(c->smarthost_count + 1, sizeof(*q->source_turns));
	const struct sts_config sts = { .store = config->store, .dns = config->dns, .config = c };
	q->sts = sts_new(&sts);
	q->feedback = queue_feedback_new(q);
	q->failures = queue_failures_new();
	int rc = open_tls(q);
	if (rc < 0) {
		queue_close(q);
		return rc;
	}
	*out = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	LIST_EACH (&q->recorder.jobs, link, following) {
		queue_job_free(LIST_ENTRY(link, struct queue_job, link));
	}
	hash_free(q->withdrawal.messages);
	pthread_mutex_destroy(&q->withdrawal.lock);
	pthread_mutex_destroy(&q->clock.lock);
	pthread_mutex_destroy(&q->recorder.lock);
	queue_leases_destroy(&q->leases);
	queue_ready_free(q->ready);
	queue_verify_close(q);
	queue_notices_free(q->notices);
	queue_agenda_free(q->agenda);
	queue_groups_free(q->groups);
	free(q->scan.after);
	queue_final_close(q);
	sts_free(q->sts);
	queue_feedback_free(q->feedback);
	queue_failures_free(q->failures);
	tls_client_free(q->tls_any);
	tls_client_free(q->tls_verified);
	free(q->source_turns);
	free(q);
}

void queue_use(struct queue *q, const struct config *config)
{
	queue_verify_open(q, config);
	q->config.config = config;
}

/* The flag besides the wake, as the feeder also waits in commits, which take wakes for theirs. */
void queue_added(struct queue *q)
{
	atomic_store(&q->added, true);
	fiber_id feeder = atomic_load(&q->feeder);
	if (feeder)
		fiber_wake(feeder);
}

void queue_note_due(struct queue *q, int64_t due_ms)
{
	int64_t known = atomic_load(&q->scan_due_ms);
	while (due_ms < known && !atomic_compare_exchange_weak(&q->scan_due_ms, &known, due_ms))
		continue;
	if (due_ms < known)
		queue_added(q);
}

void queue_kick(struct queue *q) { queue_note_due(q, 0); }

void queue_note_domain(struct queue *q, struct slice domain, int64_t due_ms)
{
	if (queue_agenda_note(q->agenda, domain, due_ms))
		queue_added(q);
}

void queue_dispatch(struct queue *q)
{
	struct queue_destination *d;
	while ((d = queue_ready_next_connection(q->ready))) {
		struct queue_carrier *carrier = mem_alloc(sizeof(*carrier));
		*carrier = (struct queue_carrier){ q, d };
		int worker = (int)(atomic_fetch_add(&q->next_worker, 1) %
		                   (unsigned)runtime_workers());
		atomic_fetch_add(&q->carriers, 1);
		if (fiber_start(worker, "queue delivery", queue_deliver, carrier))
			continue;
		atomic_fetch_sub(&q->carriers, 1);
		queue_ready_leave(q->ready, d);
		free(carrier);
		return;
	}
}

static int take_over(struct db *db, void *arg)
{
	struct queue *q = arg;
	q->seen_position = INT64_MAX;
	int rc = queue_lease_begin(db, &q->leases, clock_wall_ms());
	if (rc < 0)
		return rc;
	return db_get_int(db, &q->seen_message, "SELECT coalesce(max(id), 0) FROM queue_message",
	                  "");
}

/* The beat of this process, and a look at that of others. */
static void beat(void *arg)
{
	struct queue *q = arg;
	while (fiber_sleep(deadline_in(queue_lease_beat_ms(&q->leases))) == 0 &&
	       !runtime_stopping()) {
		bool taken_over;
		int rc = queue_lease_beat(&q->leases, &taken_over);
		if (rc < 0)
			log_error("queue.lease.failed", kv_error(rc));
		if (taken_over)
			queue_kick(q);
		if (atomic_load(&q->leases.lost))
			queue_added(q);
	}
}

int queue_start(struct queue *q)
{
	int64_t began_ms = clock_uptime_ms();
	int rc = store_commit(q->config.store, NULL, 0, take_over, q);
	if (rc == 0)
		rc = queue_clock_start(q);
	if (rc < 0)
		return rc;
	queue_lease_began(&q->leases, began_ms);
	if (!fiber_start(-1, "queue leases", beat, q))
		return -ECANCELED;
	q->recorder.fiber = fiber_start(-1, "queue recorder", queue_record_run, q);
	fiber_id feeder = fiber_start(-1, "queue feeder", queue_feed, q);
	atomic_store(&q->feeder, feeder);
	sts_start(q->sts);
	queue_feedback_start(q->feedback);
	queue_digest_start(q);
	return feeder && q->recorder.fiber ? 0 : -ECANCELED;
}

struct queue_counts queue_counts(const struct queue *q)
{
	struct queue_ready_counts ready = queue_ready_counts(q->ready);
	return (struct queue_counts){
		.relayed = atomic_load(&q->relayed),
		.deferred = atomic_load(&q->deferred),
		.bounced = atomic_load(&q->bounced),
		.ready = ready.recipients,
		.connections = ready.connections,
		.connects = atomic_load(&q->connects),
		.records = atomic_load(&q->records),
	};
}
