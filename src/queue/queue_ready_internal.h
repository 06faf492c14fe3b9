/* What the files of the lists share; all of it under the lists' lock. */
#ifndef VEREDUS_QUEUE_QUEUE_READY_INTERNAL_H
#define VEREDUS_QUEUE_QUEUE_READY_INTERNAL_H

#include <pthread.h>

#include "base/hash.h"
#include "queue/queue_pace.h"
#include "queue/queue_ready.h"

/* By priority; what has none need not look at the others. */
enum ready_class { READY_HIGH, READY_NORMAL, READY_LOW, READY_CLASSES };

enum { QUEUE_READY_WHY_MAX = 200 };

struct queue_destination {
	struct list link; /* in hungry: it has jobs and could do with a connection */
	struct list ready[READY_CLASSES]; /* struct queue_job, in the order of their turn */
	struct list idle;                 /* struct queue_ready_waiter */
	struct list page;                 /* in touched: this page asked for it */
	struct list refill;               /* in refills: it was watched, and has room */
	char *key;
	size_t ready_jobs;
	size_t recipients; /* in ready */
	size_t admitted;   /* in this page, not put yet */
	unsigned connections;
	unsigned idle_connections;
	struct queue_pace pace;
	struct queue_meters meters;
	unsigned era;                    /* see queue_ready_renew() */
	unsigned failures;               /* of its host, in a row */
	bool watched;                    /* more of it wait in the table */
	int64_t pause_until_ms;          /* wall clock; 0: none */
	int64_t pushed_until_us;         /* the same: for which there was no room come then */
	struct smtp_enhanced why_status; /* of the pause */
	char why[QUEUE_READY_WHY_MAX];
};

struct queue_ready_waiter {
	struct list link;
	fiber_id fiber;
	bool woken;
};

struct queue_ready {
	pthread_mutex_t lock;
	struct queue_limits limits;
	struct queue_schedule schedule;
	struct hash *destinations;
	struct list hungry;
	struct list touched;
	struct list refills;
	struct queue_meters *way_meters;
	bool full; /* somebody waits for room */
	size_t recipients, admitted;
	int64_t swept_ms;
	unsigned connections;
	bool stopped;
};

/* Of meters. */
static inline int64_t queue_ready_now_us(void) { return clock_monotonic_ms() * 1000; }

/* Why the destination pauses. */
static inline struct queue_trouble queue_ready_trouble(const struct queue_destination *d,
                                                       struct arena *arena)
{
	return (struct queue_trouble){ d->why_status, arena_copy(arena, slice_from_str(d->why)) };
}

static inline bool queue_ready_is_paused(const struct queue_destination *d, int64_t now_ms)
{
	return now_ms < d->pause_until_ms;
}

/* --- queue_ready.c -------------------------------------------------------------------- */

/* Is made if there is none. */
struct queue_destination *queue_ready_get(struct queue_ready *r, struct slice key);
/* A destination is forgotten when nothing is there, nothing is open and there is nothing to
 * remember. */
void queue_ready_forget(struct queue_ready *r, struct queue_destination *d, int64_t now_ms);
/* Those of the way that a job goes by; NULL: it has no rates. */
struct queue_meters *queue_ready_meters(const struct queue_ready *r, const struct queue_job *job);
/* The job whose turn it is, or NULL; and how long that is to wait for the rates' sake. */
struct queue_job *queue_ready_first(const struct queue_destination *d);
int64_t queue_ready_wait_ms(const struct queue_ready *r, const struct queue_destination *d);
/* Its jobs or connections have changed: does it want one more connection? */
void queue_ready_note_hunger(struct queue_ready *r, struct queue_destination *d);
/* Into the list: behind those of the same priority, or as the next of its class. */
void queue_ready_insert(struct queue_ready *r, struct queue_destination *d, struct queue_job *job,
                        bool is_next);
/* Out of it. */
void queue_ready_take_out(struct queue_ready *r, struct queue_destination *d,
                          struct queue_job *job);

/* --- queue_ready_feed.c --------------------------------------------------------------- */

/* There may be room again: who waits for it is told. */
void queue_ready_note_room(struct queue_ready *r, struct queue_destination *d);

#endif
