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
#include <errno.h>

#include "base/log.h"
#include "queue/queue_internal.h"

/* Until then a clock that has to be set has been. */
#define TRUST_MS (15 * 60 * 1000LL)

/* Messages in one commit; a million at once would keep all others from theirs for seconds. */
#define PAGE_MESSAGES 5000

struct dates {
	int64_t now_ms, forward_ms;
	int64_t after, last; /* messages: those behind the one, up to the other */
};

static int find_page(struct db *db, void *arg)
{
	struct dates *d = arg;
	int rc = db_get_int(
		db, &d->last,
		"SELECT id FROM queue_message WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2", "ii",
		d->after, (int64_t)PAGE_MESSAGES - 1);
	if (rc == -ENODATA)
		rc = db_get_int(db, &d->last, "SELECT coalesce(max(id), 0) FROM queue_message", "");
	return rc;
}

static int is_any_from_the_future(struct db *db, void *arg)
{
	const struct dates *d = arg;
	int64_t one;
	return db_get_int(db, &one,
	                  "SELECT 1 FROM queue_message WHERE id > $1 AND id <= $2"
	                  " AND arrived_ms > $3 LIMIT 1",
	                  "iii", d->after, d->last, d->now_ms);
}

static int correct_page(struct db *db, void *arg)
{
	const struct dates *d = arg;
	int rc = 0;
	if (d->forward_ms > 0)
		rc = db_run(db,
		            "UPDATE queue_message SET arrived_ms = arrived_ms + $1,"
		            " expires_ms = expires_ms + $1 WHERE id > $2 AND id <= $3",
		            "iii", d->forward_ms, d->after, d->last);
	if (rc == 0)
		rc = db_run(db,
		            "UPDATE queue_message SET expires_ms = expires_ms - arrived_ms + $1,"
		            " arrived_ms = $1 WHERE arrived_ms > $1 AND id > $2 AND id <= $3",
		            "iii", d->now_ms, d->after, d->last);
	return rc;
}

static int correct(struct store *store, struct dates *d)
{
	int rc = store_read(store, find_page, d);
	if (rc < 0 || d->last <= d->after)
		return rc < 0 ? rc : -ENODATA;
	if (d->forward_ms == 0)
		rc = store_read(store, is_any_from_the_future, d);
	if (rc == 0)
		rc = store_commit(store, NULL, 0, correct_page, d);
	return rc == -ENODATA ? 0 : rc;
}

/* *after: how far it came; messages up to there are right. */
static int correct_dates(struct queue *q, int64_t forward_ms, int64_t *after)
{
	int rc = 0;
	while (rc == 0) {
		struct dates d = { .now_ms = clock_wall_ms(),
			           .forward_ms = forward_ms,
			           .after = *after };
		rc = correct(q->config.store, &d);
		if (rc == 0)
			*after = d.last;
	}
	return rc == -ENODATA ? 0 : rc;
}

int64_t queue_clock_latest_due(const struct queue *q)
{
	/* A pause is moved by a tenth at most; what its destination can't take waits a little. */
	return clock_wall_ms() + q->schedule.max_ms + q->schedule.max_ms / 5 + 60 * 1000;
}

/* Pauses hear of it at once: one that begins from now on is by the new date, and not to be moved
 * once more. */
static void look(struct queue *q)
{
	struct queue_clock *k = &q->clock;
	int64_t step_ms = clock_watch_look(&k->watch);
	if (step_ms == 0)
		return;
	k->is_set = true;
	k->by_ms += step_ms;
	if (step_ms > 0)
		k->forward_ms += step_ms;
	queue_ready_set_clock(q->ready, step_ms);
}

/* Those of messages from the future, beside the deliveries: till the clock is trusted nothing
 * expires anyway. */
static void correct_at_start(void *arg)
{
	int64_t after = 0;
	int rc = correct_dates(arg, 0, &after);
	if (rc < 0)
		log_error("queue.clock.failed", kv_error(rc));
}

int queue_clock_start(struct queue *q)
{
	clock_watch_look(&q->clock.watch);
	q->scan.corrects = true;
	return fiber_start(-1, "queue dates", correct_at_start, q) ? 0 : -ECANCELED;
}

int queue_clock_follow(struct queue *q)
{
	struct queue_clock *k = &q->clock;
	pthread_mutex_lock(&k->lock);
	look(q);
	bool is_set = k->is_set;
	int64_t by_ms = k->by_ms, forward_ms = k->forward_ms;
	pthread_mutex_unlock(&k->lock);
	if (!is_set)
		return 0;
	int rc = correct_dates(q, forward_ms, &k->corrected);
	if (rc < 0) {
		log_error("queue.clock.failed", kv_error(rc));
		return rc;
	}
	log_warn("queue.clock.set", kv_int("by_ms", by_ms));
	pthread_mutex_lock(&k->lock);
	k->by_ms -= by_ms;
	k->forward_ms -= forward_ms;
	k->is_set = k->by_ms != 0;
	k->corrected = 0;
	pthread_mutex_unlock(&k->lock);
	q->scan.corrects = true;
	q->scan.not_before_ms = 0;
	queue_kick(q);
	return 0;
}

bool queue_clock_is_doubtful(struct queue *q)
{
	struct queue_clock *k = &q->clock;
	int64_t trust_ms = q->schedule.expire_ms < TRUST_MS ? q->schedule.expire_ms : TRUST_MS;
	pthread_mutex_lock(&k->lock);
	look(q);
	bool doubtful = clock_watch_even_ms(&k->watch) < trust_ms;
	pthread_mutex_unlock(&k->lock);
	return doubtful;
}
