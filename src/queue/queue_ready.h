/* What waits in memory, by destination; who carries it; which destinations are given a rest.
 *
 * Shared by the feeder, the delivery fibers and the recorder, which may be on different workers:
 * a mutex inside, held for a few instructions and never across a wait.
 *
 * A destination has a list of ready jobs and a number of connections. New jobs wake one of its
 * idle connections, or the caller is told to start a fiber. A destination whose host was found to
 * be in trouble pauses: its ready jobs are handed back, and until the pause is over new ones are
 * turned away before they are leased; then ONE connection tries, and only when it gets through
 * are there more. So a dead host costs one attempt a step, and not one a message. */
#ifndef VEREDUS_QUEUE_QUEUE_READY_H
#define VEREDUS_QUEUE_QUEUE_READY_H

#include "config/config.h"
#include "fiber/fiber.h"
#include "queue/queue_job.h"
#include "queue/queue_schedule.h"

struct queue_ready;
struct queue_destination;

struct queue_limits {
	unsigned max_connections;
	unsigned max_connections_per_destination;
	unsigned first_connections_per_destination; /* 0: the most */
	struct config_rates rates;                  /* of a destination */
	const struct config_smarthost *ways;        /* with rates of their own */
	size_t way_count;
	size_t max_recipients; /* ready in memory */
	size_t max_fed;        /* of one destination, as far as they come from the table */
	/* There is room again where there was none: queue_ready_is_full(), queue_ready_watch(). Is
	 * called under a lock: it may wake somebody, no more. Or NULL. */
	void (*room)(void *arg);
	void *room_arg;
};

struct queue_ready *queue_ready_new(const struct queue_limits *limits,
                                    const struct queue_schedule *schedule);
/* Frees it with the jobs that wait; they stay in the table. */
void queue_ready_free(struct queue_ready *r);

/* --- the feeder ----------------------------------------------------------------------- */

/* What is wrong with a destination: the text is empty if nothing is. */
struct queue_trouble {
	struct smtp_enhanced status;
	struct slice text;
};

enum queue_admission {
	QUEUE_ADMIT,  /* lease it and put() it */
	QUEUE_LATER,  /* not now: due again at *due_ms_out */
	QUEUE_REFUSE, /* paused, and its time is over: it has expired */
};
/* What to do with a recipient that is due. asked: the operator wants it tried now, which ends a
 * pause. *why_out (for LATER and REFUSE; in the arena): what is wrong with the destination; nothing
 * if there are only too many in memory. Each ADMIT counts against the limits until put. */
enum queue_admission queue_ready_admit(struct queue_ready *r, struct arena *arena, struct slice key,
                                       bool asked, int64_t now_ms, int64_t expires_ms,
                                       int64_t *due_ms_out, struct queue_trouble *why_out);
/* How many recipients the destination could do with from the table: 0 if it has enough. Those that
 * it can't have because it pauses are to be put off, so then it is any number. While one connection
 * tries whether the host works again, one is enough. */
size_t queue_ready_room(struct queue_ready *r, struct slice key, int64_t now_ms);
/* More of it wait in the table than there is room for: it is to come up in queue_ready_refill(). */
void queue_ready_watch(struct queue_ready *r, struct slice key);
/* A destination that was watched and has room again (its key in the arena, and for how many), or
 * false. It is watched no more. */
bool queue_ready_refill(struct queue_ready *r, struct arena *arena, struct slice *key_out,
                        size_t *room_out);
/* Memory is as good as full: nothing more is to be taken from the table until `room` is called. */
bool queue_ready_is_full(struct queue_ready *r);
/* The page was read: what was admitted and not put counts no more. */
void queue_ready_end_page(struct queue_ready *r);
/* False if the destination has begun to pause since: then the job stays the caller's and is due at
 * *due_ms_out; *why_out (in the job's arena) says why. */
bool queue_ready_put(struct queue_ready *r, struct slice key, struct queue_job *job, int64_t now_ms,
                     int64_t *due_ms_out, struct queue_trouble *why_out);

/* Takes back jobs that wait for a connection: those that `wants` says yes to, into *out. */
void queue_ready_withdraw(struct queue_ready *r,
                          bool (*wants)(const struct queue_job *job, void *arg), void *arg,
                          struct list *out);

/* A destination with ready jobs for which one more connection may be opened; counted as open
 * until queue_ready_leave(). NULL if there is none. */
struct queue_destination *queue_ready_next_connection(struct queue_ready *r);

/* --- a delivery fiber ----------------------------------------------------------------- */

/* The next job of the destination, or NULL: there is none, or it has to wait for its rate, or there
 * are more connections than there should be now. */
struct queue_job *queue_ready_take(struct queue_ready *r, struct queue_destination *d);
/* The same, but waits up to idle_ms for one, unless others want the connection's place. */
struct queue_job *queue_ready_wait(struct queue_ready *r, struct queue_destination *d,
                                   int64_t idle_ms);
/* How long the next job has to wait for a rate; 0: not at all, or there is none. */
int64_t queue_ready_pace_ms(struct queue_ready *r, struct queue_destination *d);
/* The same of a connection for a job; at 0 it has been counted. */
int64_t queue_ready_connect_ms(struct queue_ready *r, struct queue_destination *d,
                               const struct queue_job *job);
/* A message got through. True if a connection more may be opened now. */
bool queue_ready_faster(struct queue_ready *r, struct queue_destination *d);
/* The host put a message off, or took too long for it. */
void queue_ready_slower(struct queue_ready *r, struct queue_destination *d);
/* The host had trouble with a connection before anything was sent. If others to it work that was
 * one too many: the job goes back to the front, and the caller leaves. False: it is dead. */
bool queue_ready_one_less(struct queue_ready *r, struct queue_destination *d,
                          struct queue_job *job);
/* Connections that are open now are to take no further job: their era is over. */
void queue_ready_renew(struct queue_ready *r, struct slice key);
/* The era of a connection that is opened now. */
unsigned queue_ready_era(struct queue_ready *r, const struct queue_destination *d);
/* The host works: an end to its failures, and to a pause. */
void queue_ready_works(struct queue_ready *r, struct queue_destination *d);
/* The host is in trouble. Begins a pause (or finds one begun by another connection) and returns
 * its end, wall clock; jobs that wait are moved to *returned. How long it is depends on how often
 * the host failed in a row and never on the job that found it: that may have been tried many times
 * for a full mailbox. So after a restart the first pause is a short one again. */
int64_t queue_ready_pause(struct queue_ready *r, struct queue_destination *d,
                          const struct queue_schedule *schedule, int64_t now_ms,
                          struct queue_trouble why, struct list *returned);
/* The fiber ends. */
void queue_ready_leave(struct queue_ready *r, struct queue_destination *d);

/* The wall clock was set: what is to last lasts as long as it would have. */
void queue_ready_set_clock(struct queue_ready *r, int64_t by_ms);

struct queue_ready_counts {
	uint64_t recipients, connections;
};
struct queue_ready_counts queue_ready_counts(struct queue_ready *r);
/* Wakes all that wait in queue_ready_wait(), for good: it never waits again. */
void queue_ready_stop(struct queue_ready *r);

#endif
