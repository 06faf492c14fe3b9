/* What the files of the receiving commit share: one message, from its recipients to its rows.
 *
 *     post_deliver.c           the whole of it, and what shares a blob
 *     post_deliver_resolve.c   who gets it, on the fiber
 *     post_sieve.h             what scripts of users say
 *     post_deliver_commit.c    the rows, on the writer's thread
 *     post_parcel.c            the same in steps */
#ifndef VEREDUS_ROUTE_POST_DELIVERY_H
#define VEREDUS_ROUTE_POST_DELIVERY_H

#include "base/buf.h"
#include "message/summary.h"
#include "route/post_bounce.h"
#include "route/post_internal.h"
#include "route/post_sent.h"
#include "route/queue_rows.h"
#include "store/store.h"

struct post_edition;
struct post_outgoing;
struct post_sorted;

/* A mailbox or another host, and for whom the message came. */
struct drop {
	struct route_target *target;
	struct post_recipient *recipient;
	struct slice asked;       /* the recipient's address as text */
	bool is_only;             /* the recipient is this mailbox, and not a list that it is on */
	int64_t inbox_id;         /* 0: not there yet, the commit makes it */
	struct slice folder;      /* what that is */
	int64_t mailbox_id;       /* where the commit put it */
	struct slice script_name; /* its active one; empty: there is none */
	struct post_sorted *sorted; /* NULL: no script has looked at it */
};

/* What shares one blob. */
struct batch {
	struct batch *next;
	char queue_id[QUEUE_ID_LEN + 1];
	struct buf note;
	struct drop *drops;
	size_t drop_count;
	struct queue_new_recipient *remote;
	size_t remote_count;
	int64_t events; /* of the journey, by now */
	bool continues; /* a journey that has begun */
};

/* Of a message for the quarantine. */
struct delivery_hold {
	struct slice header_from, subject, score_text;
	struct slice event; /* for the journey: why */
	int64_t dropped;    /* others, that had to make room */
};

struct delivery {
	struct post *post;
	struct arena *arena;
	const struct post_client *client;
	const struct post_envelope *envelope;
	enum post_scope scope;
	struct slice message;
	int64_t now_ms;
	struct message_summary summary;
	struct slice parts[3];     /* Return-Path, trace, message */
	uint64_t size_bytes;       /* of all three */
	struct slice options;      /* for the queue */
	struct slice reverse_path; /* likewise */
	const char *received;      /* detail of the journey's first event */
	char peer[NET_ADDRESS_TEXT_MAX];

	size_t resolved;     /* recipients */
	size_t turn_targets; /* that they had in this turn */
	struct hash *seen;   /* addresses that have their drop; made for the second one */
	struct drop *drops;
	size_t drop_count, drop_capacity;
	struct batch *batches;
	size_t batch_count;
	struct post_bounce *bounce; /* it reports of another message; or NULL */
	struct delivery_hold *hold;
	struct post_sent *sent;        /* NULL: there is no copy for the sender */
	struct post_edition *editions; /* post_sieve.h */
	size_t edition_count;
	struct post_outgoing *outgoing;
	/* One a batch, those of scripts, those of the reports, that of the copy. */
	struct store_blob *blobs;
	size_t blob_count;
	bool loop, lost;
	bool on_hold;         /* for the operator to look at: its account sends too much */
	bool last_try, stale; /* scripts are to be run again, but for the last time */
};

static inline bool delivery_is_held(const struct delivery *d)
{
	return d->envelope->options.hold_until_ms > d->now_ms && !d->envelope->hold;
}

/* Fills drops by the recipients. RCPT has looked them up as well, but that may be minutes ago when
 * the message is there; and to look again takes 2 us for an account, a hundredth of the delivery.
 * 0, or an error of the store. d->lost: one of them is nobody's by now; d->loop: an alias has sent
 * it out before. Parks the fiber. */
int delivery_resolve(struct delivery *d);
/* The same for mail that is to be kept: nobody is looked up before it is due. */
int delivery_hold(struct delivery *d);

/* All that can be done before the commit. trace: as for post_deliver(). Parks the fiber. */
enum post_result delivery_prepare(struct delivery *d, struct slice trace);
/* Inside the commit that has the delivery's blobs; arg is the delivery. The second one checks
 * quotas (-EDQUOT) and what scripts asked (-ESTALE) as well, and commits what goes along: the copy
 * in Sent, what a report says, the reports of the envelope. */
int delivery_commit(struct db *db, void *arg);
int delivery_check_and_commit(struct db *db, void *arg);
/* After the commit: wakes who must know. */
void delivery_tell(struct delivery *d);
void delivery_end(struct delivery *d);

#endif
