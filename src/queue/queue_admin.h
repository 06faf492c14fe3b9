/* What the operator may do with the queue, whether a server runs or not: inside closures.
 *
 * A filter says which recipients are meant. Nothing here walks the whole queue at once: a look goes
 * over some rows and says where it ended, so that a queue of a million neither is in memory nor
 * keeps others from the store. Acting is done on places, some hundreds in one commit:
 *
 *     while ((rc = store_read(store, look, &page)) > 0)      queue_look() in look
 *             store_commit(store, NULL, 0, act, &page);      queue_act() in act
 *
 * A place that went away meanwhile, or that an action does not mean (hold of what is held), is
 * passed over and not counted. */
#ifndef VEREDUS_QUEUE_QUEUE_ADMIN_H
#define VEREDUS_QUEUE_QUEUE_ADMIN_H

#include "base/arena.h"
#include "base/hash.h"
#include "store/db.h"

/* HELD by the operator; SCHEDULED by its sender, until it is due. ACTIVE: in the hands of a server,
 * on its way or about to be. */
enum queue_state { QUEUE_WAITING, QUEUE_ACTIVE, QUEUE_HELD, QUEUE_SCHEDULED, QUEUE_STATES };
const char *queue_state_name(enum queue_state state);
/* False if there is no such state. */
bool queue_state_parse(struct slice name, enum queue_state *out);

/* Where a recipient stands in the queue; zeroed: before all. Never given out twice. */
struct queue_place {
	int64_t message, position;
};

struct queue_entry {
	struct queue_place place;
	struct slice queue_id, message_id, reverse_path, forward_path, domain;
	int64_t blob_id;
	uint64_t skip_bytes; /* of the blob, before the message */
	uint64_t size_bytes;
	int64_t arrived_ms, due_ms, expires_ms; /* wall clock; due: of the lease if ACTIVE */
	unsigned attempts;
	enum queue_state state;
	struct slice account; /* that handed it in, or empty */
	struct slice options; /* envelope_options_text() */
	/* Of the last attempt, empty before it: when, the host, its enhanced code (or ours), and
	 * the reply or the trouble. */
	int64_t last_ms;
	struct slice last_peer, last_status, last_text;
	struct slice reroute; /* where the operator has it go, or empty */
};

/* The fields that are set must all agree. Case does not matter. */
struct queue_filter {
	/* Any of these: queue ids, forward-paths, "@domain" with its recipients; keys in lower
	 * case. NULL: any. */
	struct hash *words;
	struct slice domain;       /* of the recipient; ".example.org": all below it */
	struct slice sender;       /* a reverse-path, "@domain", or "<>" for the null one */
	struct slice reason;       /* a part of the last reply or trouble, or of its code */
	int64_t arrived_before_ms; /* wall clock; 0: any */
	int64_t arrived_after_ms;  /* likewise */
	bool has_state;
	enum queue_state state;
};

/* In a read: looks at `rows` rows behind *place, oldest first, and hands out those that are meant;
 * slices are valid until visit returns. A non-zero return of visit ends the look and is returned.
 * *place moves on to the last row that was looked at. 1: there may be more, 0: that was all. */
enum { QUEUE_LOOK_ROWS = 500 };
int queue_look(struct db *db, const struct queue_filter *filter, unsigned rows,
               struct queue_place *place, int (*visit)(const struct queue_entry *entry, void *arg),
               void *arg);

enum queue_action {
	QUEUE_RETRY,   /* due now, the destination's pause forgotten */
	QUEUE_HOLD,    /* not tried, does not expire, until released */
	QUEUE_RELEASE, /* a held or scheduled one is due now */
	QUEUE_DROP,    /* removed without a DSN */
	QUEUE_BOUNCE,  /* returned to its sender, by the server, as soon as one runs */
	QUEUE_REROUTE, /* goes by another way, and is due now */
};
/* Is there anything that the action would change? */
bool queue_action_means(enum queue_action action, const struct queue_entry *entry);
/* What can be given to REROUTE: a domain, whose way is taken (a transport, a smarthost, its MX), an
 * address literal, or "host:port"; or empty, for the way it would have gone. In lower case in the
 * arena; false if it is none of these. */
bool queue_reroute_parse(struct arena *arena, struct slice text, struct slice *out);

/* In a commit, at most QUEUE_LOOK_ROWS places. */
struct queue_order {
	enum queue_action action;
	struct slice reroute; /* of REROUTE: queue_reroute_parse() */
	int64_t now_ms;
	const struct queue_place *places;
	size_t count;
	/* out */
	int64_t changed; /* recipients */
	/* Of these some were in the hands of the server, to which queue_withdraw() must say so: it
	 * takes back what is not on the wire at the moment. What comes of an attempt that is being
	 * made is recorded, and ends what it ends. */
	bool withdraw;
};
int queue_act(struct db *db, struct queue_order *order);

#endif
