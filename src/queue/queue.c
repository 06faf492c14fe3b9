/* The queue's life, and its feeder: the fiber that takes what is due from the table into memory. */
#include "queue/queue.h"

#include <errno.h>

#include "base/codec.h"
#include "base/log.h"
#include "queue/queue_internal.h"

/* Recipients in memory; each is about a kilobyte. More is not faster: a connection takes one
 * message at a time. */
#define READY_MAX_RECIPIENTS 4000
#define PAGE_ROWS            200
/* Longer than an attempt can take; one that still goes on has its lease prolonged. */
#define LEASE_MS (60 * 60 * 1000LL)
/* The wall clock, by which things are due, may jump: look at it this often. */
#define LOOK_AGAIN_MS    (30 * 1000)
#define STORE_TROUBLE_MS 2000

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

int queue_open(const struct queue_config *config, struct queue **out)
{
	struct queue *q = mem_zero(1, sizeof(*q));
	const struct config *c = config->config;
	const struct queue_limits limits = {
		.max_connections = c->queue.max_connections,
		.max_connections_per_destination = c->queue.max_connections_per_destination,
		.max_recipients = READY_MAX_RECIPIENTS,
	};
	q->config = *config;
	q->schedule = (struct queue_schedule){ .first_ms = c->queue.retry_first_ms,
		                               .max_ms = c->queue.retry_max_ms,
		                               .expire_ms = c->queue.expire_ms };
	q->ready = queue_ready_new(&limits, &q->schedule);
	pthread_mutex_init(&q->recorder.lock, NULL);
	list_init(&q->recorder.jobs);
	snprintf(q->owner, sizeof(q->owner), "%016llx", (unsigned long long)random_u64());
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
	pthread_mutex_destroy(&q->recorder.lock);
	queue_ready_free(q->ready);
	tls_client_free(q->tls_any);
	tls_client_free(q->tls_verified);
	free(q);
}

void queue_kick(void *queue)
{
	struct queue *q = queue;
	fiber_id feeder = atomic_load(&q->feeder);
	if (feeder)
		fiber_wake(feeder);
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

/* --- the feeder ----------------------------------------------------------------------- */

static void spread(struct queue *q, struct queue_page *page)
{
	LIST_EACH (&page->jobs, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_ready_put(q->ready, job->key, job);
	}
	LIST_EACH (&page->expired, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		job->ended_ms = page->now_ms;
		for (size_t i = 0; i < job->count; i++)
			job->targets[i].end = QUEUE_END_EXPIRED;
		queue_record_put(q, job);
	}
	queue_ready_end_page(q->ready);
	queue_dispatch(q);
}

/* Takes one page; returns for how long there is nothing more to do. */
static int64_t feed_page(struct queue *q)
{
	struct queue_page page = {
		.ready = q->ready,
		.config = q->config.config,
		.owner = q->owner,
		.now_ms = clock_wall_ms(),
		.lease_ms = LEASE_MS,
		.max_rows = PAGE_ROWS,
	};
	int rc = queue_table_page(q->config.store, &page);
	if (rc < 0) {
		queue_ready_end_page(q->ready);
		log_error("queue.page.failed", kv_error(rc));
		return STORE_TROUBLE_MS;
	}
	spread(q, &page);
	if (page.full)
		return 0;
	int64_t wait_ms = page.next_due_ms - page.now_ms;
	return wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS;
}

static void feed(void *arg)
{
	struct queue *q = arg;
	while (!runtime_stopping()) {
		int64_t wait_ms = feed_page(q);
		if (wait_ms == 0)
			fiber_yield();
		else if (fiber_park("queue: nothing is due", deadline_in(wait_ms)) == -ECANCELED)
			break;
	}
	queue_ready_stop(q->ready);
	atomic_store(&q->recorder.ended, true);
	fiber_wake(q->recorder.fiber);
}

static int take_over(struct db *db, void *arg)
{
	struct queue *q = arg;
	return queue_table_take_over(db, q->owner, clock_wall_ms());
}

int queue_start(struct queue *q)
{
	int rc = store_commit(q->config.store, NULL, 0, take_over, q);
	if (rc < 0)
		return rc;
	q->recorder.fiber = fiber_start(-1, "queue recorder", queue_record_run, q);
	fiber_id feeder = fiber_start(-1, "queue feeder", feed, q);
	atomic_store(&q->feeder, feeder);
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
