/* Leases: whose a recipient is, where several processes share a store.
 *
 * A process has a row in queue_owner and counts the number in it up, its beat. A lease is a row of
 * queue_recipient that names its owner. It has no date: it lasts as long as the owner's beat goes
 * on. Who sees a beat stand still for `lease-time`, by his own clock (queue_beat.h), takes over
 * what was leased and takes the owner's row away, in one commit. So nobody's wall clock matters.
 *
 *   1. Before it leases anything an owner has its row. What is leased to somebody without one is
 *      taken over at once.
 *   2. Nothing is sent unless the owner's own last beat was written less than half of lease-time
 *      ago (queue_lease_covers()): it has stopped long before others take over.
 *   3. Who finds its row gone has no leases any more: what it has in memory it forgets, and begins
 *      anew under another name.
 *   4. Nothing is recorded of a row that somebody else has a lease of, but for an end: the message
 *      is with the next host, or back with its sender, and that must not happen again.
 *
 * The lives of a process in the same directory follow one another, as store_node() is known only to
 * who holds the directory's lock; so at its start a process takes over from its former lives at
 * once. With SQLite, where one process has the store, that is all there is to it. */
#ifndef VEREDUS_QUEUE_QUEUE_LEASE_H
#define VEREDUS_QUEUE_QUEUE_LEASE_H

#include <stdatomic.h>

#include "queue/queue_beat.h"
#include "queue/queue_job.h"
#include "store/db.h"

enum { QUEUE_LEASE_NAME_MAX = 40 };

struct queue_leases {
	struct store *store;
	const char *node;
	const char *owner;    /* post_owner(): what was added here is leased to that */
	_Atomic unsigned era; /* how often it has begun anew */
	int64_t lease_ms;
	_Atomic int64_t beaten_ms; /* uptime: the start of the last beat that was written */
	atomic_bool lost;          /* invariant 3, for the feeder */
	int64_t beat;              /* the beating fiber's, once it runs */
	struct queue_beats *others;
};

void queue_leases_create(struct queue_leases *l, struct store *store, const char *node,
                         const char *owner, int64_t lease_ms);
void queue_leases_destroy(struct queue_leases *l);

/* Inside a commit, before anything is taken up: takes over from former lives and from those without
 * a row, and writes the own one. May be run again. */
int queue_lease_begin(struct db *db, struct queue_leases *l, int64_t now_ms);
/* After that commit. began_ms: the uptime before it. */
void queue_lease_began(struct queue_leases *l, int64_t began_ms);
/* How long to wait from one beat to the next. */
int64_t queue_lease_beat_ms(const struct queue_leases *l);
/* A beat, and a look at the others. *taken_over_out: there are rows that nobody has a lease of any
 * more. Parks the fiber. */
int queue_lease_beat(struct queue_leases *l, bool *taken_over_out);
/* The feeder's, when `lost`: begins anew under another name. Jobs that were leased before are not
 * covered any more and are to be forgotten. Parks the fiber. */
int queue_lease_renew(struct queue_leases *l);
/* Clean end: the others need not wait for lease-time. */
void queue_lease_end(struct queue_leases *l);

/* The name under which rows that waited are leased now: the owner's, "+" and the era, so that they
 * are not taken for new ones, nor for those of before. [any thread] */
struct queue_lease_name {
	char text[QUEUE_LEASE_NAME_MAX];
	unsigned era;
};
struct queue_lease_name queue_lease_name(const struct queue_leases *l);

/* May it be sent? [any thread] */
bool queue_lease_covers(const struct queue_leases *l, const struct queue_job *job);
/* False: it may be yet, when the next beat is written. [any thread] */
bool queue_lease_is_over(const struct queue_leases *l, const struct queue_job *job);
/* May anything? [any thread] */
bool queue_lease_holds(const struct queue_leases *l);

#endif
