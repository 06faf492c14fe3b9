/* A delivery fiber: one connection to one destination, message after message. */
#include <errno.h>

#include "queue/queue_delivery.h"

/* An open connection waits so long for the next message. */
#define IDLE_MS 1000
/* Then it is closed, so that an MX that came back, or a better one, is found. */
#define CONNECTION_MAX_MS       (5 * 60 * 1000)
#define CONNECTION_MAX_MESSAGES 1000
#define BEHIND_MS               20

static int64_t begin_pause(struct queue_delivery *d, const struct queue_job *job, int64_t now_ms,
                           const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	const struct queue_trouble why = { outcome->enhanced, outcome->text };
	struct list returned;
	list_init(&returned);
	int64_t until_ms = queue_ready_pause(q->ready, d->destination, &job->schedule, now_ms, why,
	                                     &returned);
	LIST_EACH (&returned, link, following) {
		struct queue_job *other = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&other->link);
		other->dates_are_doubtful = job->dates_are_doubtful;
		queue_job_return(other, now_ms, until_ms, outcome);
		queue_record_put(q, other);
	}
	return until_ms;
}

/* A message that was put off may have been so for our haste: what is said of one recipient rather
 * is for them (greylisting, a full mailbox). */
static bool is_hurried(const struct smtp_outcome *o)
{
	return o->verdict == SMTP_TEMPORARY && o->error != -ECANCELED &&
	       (o->error == -ETIMEDOUT ||
	        (o->code > 0 && o->stage >= SMTP_STAGE_MAIL && o->stage != SMTP_STAGE_RCPT));
}

static void note_pace(struct queue_delivery *d, int rc, const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	queue_ready_works(q->ready, d->destination);
	if (rc == 0 && queue_ready_faster(q->ready, d->destination))
		queue_dispatch(q);
	else if (rc < 0 && is_hurried(outcome))
		queue_ready_slower(q->ready, d->destination);
}

/* A connection that was not to be had, while others are: the job is for them. */
static bool is_one_too_many(struct queue_delivery *d, struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		enum smtp_verdict verdict = job->wire[i].outcome.verdict;
		if (verdict == SMTP_OK || verdict == SMTP_PERMANENT)
			return false;
	}
	return queue_ready_one_less(d->queue->ready, d->destination, job);
}

static void finish(struct queue_delivery *d, struct queue_job *job, int rc,
                   const struct smtp_outcome *outcome)
{
	struct queue *q = d->queue;
	int64_t host_due_ms = 0;
	bool cancelled = rc < 0 && outcome->error == -ECANCELED;
	/* First, as it hears of a clock that was set, and moves the pauses that there are. */
	job->dates_are_doubtful = queue_clock_is_doubtful(q);
	int64_t now_ms = clock_wall_ms();
	bool trouble = rc < 0 && !cancelled && outcome->host && outcome->verdict == SMTP_TEMPORARY;
	if (trouble && is_one_too_many(d, job))
		return;
	if (trouble)
		host_due_ms = begin_pause(d, job, now_ms, outcome);
	else if (!cancelled && outcome->stage > SMTP_STAGE_CONNECT)
		note_pace(d, rc, outcome);
	queue_job_judge(job, now_ms, host_due_ms);
	queue_record_put(q, job);
}

static bool is_worn(const struct queue_delivery *d)
{
	return d->is_alone || !smtp_client_is_usable(d->dial.client) ||
	       smtp_client_is_full(d->dial.client) ||
	       smtp_client_sent(d->dial.client) >= CONNECTION_MAX_MESSAGES ||
	       clock_monotonic_ms() - d->opened_ms > CONNECTION_MAX_MS;
}

/* As fast as it is to be served; while that takes long the other side need not keep a connection.
 */
static struct queue_job *take_job(struct queue_delivery *d)
{
	struct queue_ready *r = d->queue->ready;
	struct queue_job *job;
	int64_t wait_ms;
	while (!(job = queue_ready_take(r, d->destination)) &&
	       (wait_ms = queue_ready_pace_ms(r, d->destination)) > 0) {
		if (wait_ms > IDLE_MS)
			queue_disconnect(d);
		d->was_idle = true;
		if (fiber_sleep(deadline_in(wait_ms)) == -ECANCELED)
			return NULL;
	}
	return job;
}

static struct queue_job *next_job(struct queue_delivery *d)
{
	struct queue *q = d->queue;
	while (queue_record_is_behind(q) || !queue_lease_holds(&q->leases)) {
		if (fiber_sleep(deadline_in(BEHIND_MS)) == -ECANCELED)
			return NULL;
	}
	struct queue_job *job = take_job(d);
	if (job || !d->dial.client)
		return job;
	d->was_idle = true;
	return queue_ready_wait(q->ready, d->destination, IDLE_MS);
}

/* Others of its domain have been moved. */
static bool is_elsewhere(struct queue_delivery *d, struct queue_job *job)
{
	struct queue *q = d->queue;
	if (d->dial.client || job->moves > 0 || job->tls_need != QUEUE_TLS_USUAL)
		return false;
	struct slice key = queue_groups_find(q->groups, job->arena, job->key);
	bool moved = !slice_equal(key, job->key);
	job->key = key;
	job->moves += moved;
	return moved;
}

/* It goes back to the lists; or is forgotten, if somebody else has it now. */
static void move(struct queue_delivery *d, struct queue_job *job)
{
	if (queue_lease_is_over(&d->queue->leases, job)) {
		queue_job_free(job);
		return;
	}
	job->dates_are_doubtful = queue_clock_is_doubtful(d->queue);
	queue_put(d->queue, job, clock_wall_ms());
	queue_dispatch(d->queue);
}

void queue_deliver(void *arg)
{
	struct queue_carrier *carrier = arg;
	struct queue_delivery d = { .queue = carrier->queue, .destination = carrier->destination };
	struct queue_job *job;
	free(carrier);
	d.arena = arena_new();
	while ((job = next_job(&d))) {
		struct smtp_outcome outcome = { .verdict = SMTP_OK };
		int rc = is_elsewhere(&d, job) ? -EXDEV : queue_send(&d, job, &outcome);
		if (rc == -EXDEV)
			move(&d, job);
		else
			finish(&d, job, rc, &outcome);
		if (d.dial.client && is_worn(&d))
			queue_disconnect(&d);
		if (rc < 0 && outcome.error == -ECANCELED)
			break;
	}
	queue_disconnect(&d);
	arena_free(d.arena);
	queue_ready_leave(d.queue->ready, d.destination);
	queue_dispatch(d.queue);
	atomic_fetch_sub(&d.queue->carriers, 1);
	fiber_wake(d.queue->recorder.fiber);
}
