/* The queue: what happens to recipients that live elsewhere.
 *
 * Messages enter by route/queue_rows.h in the commit that accepts them. From there:
 *
 *     queue_table     the rows: take a lease on what is due (queue_row what a row is, queue_judge
 *                     what becomes of it), record what became of it (queue_table_ends)
 *     queue_lease     how long a lease lasts, and who takes it over (queue_beat who is alive)
 *     queue_schedule  when to try again: exponential, with jitter, by destination
 *     queue_ready     what is leased and waits in memory for a connection, by destination: filled
 *                     by the feeder (queue_ready_feed), taken by deliveries (queue_ready_take)
 *     queue_deliver   a fiber a connection: takes message after message for its destination
 *                     (queue_connect which host, queue_send in what parts)
 *     queue_record    collects outcomes and commits many at once, bounces included
 *     queue_dsn       what the sender is told (RFC 3461, 3464)
 *     queue_release   the end of a hold: the message goes through the post office again
 *     queue_select    which recipients the operator means
 *     queue_admin     what the operator may do with them
 *     queue_withdraw  what is taken back from memory for that
 *     queue_run       what a client may, by ETRN
 *     queue_turn      what goes back to a client, by ATRN
 *     queue_verify    is there such a recipient at the next host? (call_ahead keeps the answers)
 *
 * Invariants:
 *   1. A recipient row goes away only in the commit that records its end (relayed, dropped) or
 *      that puts its DSN on its way.
 *   2. A message row goes away, and its blob is released, with its last recipient.
 *   3. A recipient is worked on only by the owner of its lease; while the lease lasts nobody else
 *      takes it. The leases of a process that died are taken over: queue_lease.h.
 *   4. After the remote's 250 a recipient is not sent again by this process, even if recording
 *      fails for a while. Only a crash between the 250 and the record can double it.
 *   5. No DSN answers a message with the null reverse-path. */
#ifndef VEREDUS_QUEUE_QUEUE_H
#define VEREDUS_QUEUE_QUEUE_H

#include "config/config.h"
#include "dns/dns.h"
#include "final/final.h"
#include "queue/queue_admin.h"
#include "route/post.h"
#include "store/db.h"
#include "store/store.h"

struct queue;

struct queue_config {
	struct store *store;
	struct post *post; /* takes DSNs */
	struct dns *dns;
	const struct config *_Atomic config; /* in force: config_reload.h */
	struct final *final;                 /* NULL: there are no commands and files */
	const char *node; /* who this is of several that share the store; NULL: store_node() */
};

/* [any thread] */
int queue_open(const struct queue_config *config, struct queue **out);
/* Goes by another configuration, but for what is at_start (config_reload.h), before the post office
 * does. Not by two threads at once. */
void queue_use(struct queue *q, const struct config *config);
void queue_close(struct queue *q);
/* On the runtime: takes over leases (queue_lease.h) and begins to deliver. */
int queue_start(struct queue *q);
/* New rows are there, leased to post_owner(): take them up. Cheap; many calls may become one. What
 * `queued` of struct post_config must lead to. [any thread] */
void queue_added(struct queue *q);
/* Rows were added or changed that nobody has a lease of, and that are due then (wall clock). What
 * `queued_until` of struct post_config must lead to. [any thread] */
void queue_note_due(struct queue *q, int64_t due_ms);
/* Rows were changed: look at all that is due. [any thread] */
void queue_kick(struct queue *q);

struct queue_counts {
	uint64_t relayed, deferred, bounced; /* recipients since the start */
	uint64_t ready;                      /* leased, in memory */
	uint64_t connections;                /* open now */
	uint64_t connects;                   /* since the start */
	uint64_t records;                    /* commits of outcomes */
};
/* What waits for a domain is due now, and goes over new connections: ETRN. -ENOENT: there is no
 * such queue. Parks the fiber. */
int queue_run(struct queue *q, struct post_run *run);

/* ATRN (RFC 2645), TURN: sends what waits for these domains (canonical) over a connection whose
 * other side has just been told that it is the server now. What comes of it is recorded as of any
 * attempt. The connection stays the caller's, and is good for nothing but being closed. 0, or why
 * it went wrong; some may have been sent all the same. Parks the fiber. */
struct queue_turn {
	struct conn *conn;
	const char *host; /* who that is, for texts */
	const struct slice *domains;
	size_t domain_count;
	uint64_t sent; /* out: messages */
};
int queue_turn(struct queue *q, struct queue_turn *turn);
/* Is there any mail for them? 0, or an error of the store. */
int queue_turn_waits(struct queue *q, const struct slice *domains, size_t count, bool *waits_out);

/* Is there such a recipient in a relay domain? What the next host said of it lately, or says now.
 * What `call_ahead` of struct post_config must lead to. Parks the fiber. */
enum post_known queue_verify(struct queue *q, const struct config_relay *relay,
                             const struct address *recipient);

/* [any thread] */
struct queue_counts queue_counts(const struct queue *q);

/* The operator changed rows of these that are in the queue's hands: see queue_act(). [any thread]
 */
void queue_withdraw(struct queue *q, const struct queue_place *places, size_t count);

#endif
