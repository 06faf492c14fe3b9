/* When the wall clock is set.
 *
 * Rows say by its date when they are due and when they expire. What was written by a clock that was
 * ahead would lie still until that date comes again; and with a clock that jumps ahead (a board
 * that learns the date after it has booted, a machine that slept) all that waits would be too old
 * at once. So:
 *
 *   1. If the clock is set forward, arrival and expiry of all messages move along with it.
 *   2. Nothing can have arrived in the future: what seems so arrives now, with its whole time.
 *   3. No recipient waits longer than the longest pause: one that seems to is due now.
 *   4. Until the clock has run evenly for a while nothing expires, and no delay is told of.
 *
 * 2 and 3 hold at the start too, when nobody knows what the clock did meanwhile. */
#include "base/log.h"
#include "queue/queue_internal.h"

/* Until then a clock that has to be set has been. */
#define TRUST_MS (15 * 60 * 1000LL)

struct dates {
	int64_t now_ms, forward_ms, latest_due_ms;
};

static int correct(struct db *db, void *arg)
{
	const struct dates *d = arg;
	int rc = 0;
	if (d->forward_ms > 0)
		rc = db_run(db,
		            "UPDATE queue_message SET arrived_ms = arrived_ms + $1,"
		            " expires_ms = expires_ms + $1",
		            "i", d->forward_ms);
	if (rc == 0)
		rc = db_run(db,
		            "UPDATE queue_message SET expires_ms = expires_ms - arrived_ms + $1,"
		            " arrived_ms = $1 WHERE arrived_ms > $1",
		            "i", d->now_ms);
	if (rc == 0)
		rc = db_run(db,
		            "UPDATE queue_recipient SET due_ms = $1 WHERE due_ms > $2"
		            " AND held = 0 AND lease_owner IS NULL",
		            "ii", d->now_ms, d->latest_due_ms);
	return rc;
}

static int correct_dates(struct queue *q, int64_t forward_ms)
{
	/* A pause is moved by a tenth at most; what its destination can't take waits a little. */
	struct dates d = { .now_ms = clock_wall_ms(), .forward_ms = forward_ms };
	d.latest_due_ms = d.now_ms + q->schedule.max_ms + q->schedule.max_ms / 5 + 60 * 1000;
	return store_commit(q->config.store, NULL, 0, correct, &d);
}

static void look(struct queue_clock *k)
{
	int64_t step_ms = clock_watch_look(&k->watch);
	if (step_ms == 0)
		return;
	k->is_set = true;
	k->by_ms += step_ms;
	if (step_ms > 0)
		k->forward_ms += step_ms;
}

int queue_clock_start(struct queue *q)
{
	clock_watch_look(&q->clock.watch);
	return correct_dates(q, 0);
}

int queue_clock_follow(struct queue *q)
{
	struct queue_clock *k = &q->clock;
	pthread_mutex_lock(&k->lock);
	look(k);
	bool is_set = k->is_set;
	int64_t by_ms = k->by_ms, forward_ms = k->forward_ms;
	pthread_mutex_unlock(&k->lock);
	if (!is_set)
		return 0;
	int rc = correct_dates(q, forward_ms);
	if (rc < 0) {
		log_error("queue.clock.failed", kv_error(rc));
		return rc;
	}
	log_warn("queue.clock.set", kv_int("by_ms", by_ms));
	queue_ready_set_clock(q->ready, by_ms);
	pthread_mutex_lock(&k->lock);
	k->by_ms -= by_ms;
	k->forward_ms -= forward_ms;
	k->is_set = k->by_ms != 0;
	pthread_mutex_unlock(&k->lock);
	queue_kick(q);
	return 0;
}

bool queue_clock_is_doubtful(struct queue *q)
{
	struct queue_clock *k = &q->clock;
	int64_t trust_ms = q->schedule.expire_ms < TRUST_MS ? q->schedule.expire_ms : TRUST_MS;
	pthread_mutex_lock(&k->lock);
	look(k);
	bool doubtful = clock_watch_even_ms(&k->watch) < trust_ms;
	pthread_mutex_unlock(&k->lock);
	return doubtful;
}
