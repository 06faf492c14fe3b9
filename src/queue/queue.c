/* The queue's life, and its feeder: the fiber that takes what is due from the table into memory. */
#include "queue/queue.h"

#include <errno.h>

#include "base/log.h"
#include "queue/queue_internal.h"

/* Recipients in memory; each is about a kilobyte. What is more has to be written into the table
 * once more, with a later date. */
#define READY_MAX_RECIPIENTS 20000
#define PAGE_ROWS            200
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
	pthread_mutex_init(&q->clock.lock, NULL);
	pthread_mutex_init(&q->withdrawal.lock, NULL);
	list_init(&q->recorder.jobs);
	q->owner = post_owner(config->post);
	queue_verify_open(q);
	q->source_turns = mem_zero(c->smarthost_count + 1, sizeof(*q->source_turns));
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
	queue_ready_free(q->ready);
	queue_verify_close(q);
	tls_client_free(q->tls_any);
	tls_client_free(q->tls_verified);
	free(q->source_turns);
	free(q);
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
	int64_t known = atomic_load(&q->next_due_ms);
	while (due_ms < known && !atomic_compare_exchange_weak(&q->next_due_ms, &known, due_ms))
		continue;
	if (due_ms < known)
		queue_added(q);
}

void queue_kick(struct queue *q) { queue_note_due(q, 0); }

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

static void put(struct queue *q, struct queue_job *job, int64_t now_ms)
{
	struct smtp_outcome why = { .verdict = SMTP_TEMPORARY, .stage = SMTP_STAGE_CONNECT };
	int64_t due_ms;
	if (queue_ready_put(q->ready, job->key, job, now_ms, &due_ms, &why.text))
		return;
	queue_job_return(job, now_ms, due_ms, &why);
	queue_record_put(q, job);
}

static void spread(struct queue *q, struct queue_page *page)
{
	LIST_EACH (&page->jobs, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		put(q, job, clock_wall_ms());
	}
	LIST_EACH (&page->expired, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_job_end_untried(job, &q->schedule, page->now_ms);
		queue_record_put(q, job);
	}
	LIST_EACH (&page->released, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		queue_record_put(q, job);
	}
	queue_ready_end_page(q->ready);
	queue_dispatch(q);
}

static struct queue_page make_page(struct queue *q)
{
	return (struct queue_page){
		.ready = q->ready,
		.config = q->config.config,
		.owner = q->owner,
		.now_ms = clock_wall_ms(),
		.dates_are_doubtful = queue_clock_is_doubtful(q),
		.lease_ms = POST_LEASE_MS,
		.max_rows = PAGE_ROWS,
		.seen_message = q->seen_message,
		.seen_position = q->seen_position,
	};
}

static int failed_page(struct queue *q, int rc)
{
	queue_ready_end_page(q->ready);
	log_error("queue.page.failed", kv_error(rc));
	return rc;
}

/* What was added since the last look. */
static int feed_new(struct queue *q)
{
	struct queue_page page;
	do {
		atomic_store(&q->added, false);
		page = make_page(q);
		int rc = queue_table_new(q->config.store, &page);
		if (rc < 0)
			return failed_page(q, rc);
		q->seen_message = page.seen_message;
		q->seen_position = page.seen_position;
		queue_note_due(q, page.next_due_ms);
		spread(q, &page);
	} while (page.full);
	return 0;
}

/* What waited and is due. */
static int feed_due(struct queue *q)
{
	struct queue_page page = { .full = true };
	while (page.full && !runtime_stopping()) {
		page = make_page(q);
		/* Before the look, so that what is written meanwhile counts. */
		atomic_store(&q->next_due_ms, INT64_MAX);
		int rc = queue_table_page(q->config.store, &page);
		queue_note_due(q, rc < 0 ? 0 : page.next_due_ms);
		if (rc < 0)
			return failed_page(q, rc);
		spread(q, &page);
	}
	return 0;
}

static int64_t time_to_wait(const struct queue *q, int rc)
{
	if (rc < 0)
		return STORE_TROUBLE_MS;
	int64_t wait_ms = atomic_load(&q->next_due_ms) - clock_wall_ms();
	if (wait_ms < 0 || atomic_load(&q->added))
		return 0;
	return wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS;
}

static void feed(void *arg)
{
	struct queue *q = arg;
	while (!runtime_stopping()) {
		int rc = queue_clock_follow(q);
		queue_withdraw_now(q);
		if (rc == 0)
			rc = feed_new(q);
		if (rc == 0 && atomic_load(&q->next_due_ms) <= clock_wall_ms())
			rc = feed_due(q);
		int64_t deadline = deadline_in(time_to_wait(q, rc));
		if (fiber_park("queue: nothing is due", deadline) == -ECANCELED)
			break;
	}
	queue_ready_stop(q->ready);
	atomic_store(&q->recorder.ended, true);
	fiber_wake(q->recorder.fiber);
}

static int take_over(struct db *db, void *arg)
{
	struct queue *q = arg;
	q->seen_position = INT64_MAX;
	return queue_table_take_over(db, clock_wall_ms(), &q->seen_message);
}

int queue_start(struct queue *q)
{
	int rc = store_commit(q->config.store, NULL, 0, take_over, q);
	if (rc == 0)
		rc = queue_clock_start(q);
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
