/* Journeys: what happened to each message, as rows that `veredus trace` prints. */
#ifndef VEREDUS_ROUTE_JOURNEY_H
#define VEREDUS_ROUTE_JOURNEY_H

#include "store/db.h"

/* Kept in the database by number: new kinds go to the end. */
enum journey_kind {
	JOURNEY_RECEIVED,  /* detail: protocol, TLS, size */
	JOURNEY_DELIVERED, /* into a mailbox of ours; address: the account; detail: which mailbox,
	                      and ", for ADDRESS" if the message was for an alias */
	JOURNEY_QUEUED,    /* detail: next hop */
	JOURNEY_RELAYED,   /* the remote took it; detail: its reply and TLS */
	JOURNEY_DEFERRED,  /* detail: the reply or the trouble */
	JOURNEY_BOUNCED,   /* failed for good; detail: the reply */
	JOURNEY_DROPPED,   /* by the operator */
	JOURNEY_REFUSED, /* a recipient, before the message came; detail: the rule and the reply */
	JOURNEY_TAGGED,  /* by rules; detail: the tags */
	/* By the operator: */
	JOURNEY_HELD,
	JOURNEY_RELEASED,
	JOURNEY_REROUTED, /* detail: where it goes now */
	JOURNEY_CHECKED,  /* who has sent it; detail: what checks came to */
	JOURNEY_REPORTED, /* by a message that came back; detail: what, and the id of that */
	JOURNEY_TOLD,     /* a report went to the sender (address); detail: of what, and its id */
	JOURNEY_SCORED,   /* detail: the total, and what speaks for and against it */
	JOURNEY_SORTED, /* by a script of the account (address): what else it had done, at delivery
	                   or when the message was moved or flagged */
	JOURNEY_FILTERED,    /* detail: a filter, its verdict and what it has changed */
	JOURNEY_QUARANTINED, /* address: for whom; detail: why */
	JOURNEY_LEARNED,     /* as what its user (address) moved it to; detail: spam or ham */
};

struct journey_event {
	int64_t at_ms;
	int64_t position;        /* in its journey, from 0; not looked at when it is noted */
	struct slice queue_id;   /* 16 characters: the same for all events of one message */
	struct slice message_id; /* with <>; may be empty, in all but the first event too */
	enum journey_kind kind;
	struct slice address; /* reverse-path for RECEIVED, else the recipient */
	struct slice peer;    /* the other host, or empty */
	struct slice detail;
};

/* A visit gets slices that are valid until it returns; what it returns, if not 0, ends the walk
 * and is handed on. */
typedef int (*journey_visit)(const struct journey_event *event, void *arg);

/* Inside a commit: what comes next in a journey. */
int journey_note(struct db *db, const struct journey_event *event);
/* The same for a journey that has none yet, which needs no look at what is there: position counts
 * its events from 0. */
int journey_begin(struct db *db, const struct journey_event *event, int64_t position);
/* Inside a commit: forgets messages that came before before_ms (wall clock), the oldest first,
 * some at a time. *count_out events went; 0 when there are no more. */
int journey_expire(struct db *db, int64_t before_ms, int64_t *count_out);
/* Inside a read: the events of the message with this queue id behind a position (-1: from the
 * first), at most limit. */
int journey_find(struct db *db, struct slice queue_id, int64_t after, int64_t limit,
                 journey_visit visit, void *arg);
/* Behind it, at its end, the detail of RECEIVED has the ENVID that the sender gave, in xtext. */
#define JOURNEY_ENVID ", envid "
/* What a message must have to be found; empty: anything. */
struct journey_filter {
	struct slice message_id;    /* with its brackets or without */
	struct slice envid;         /* xtext */
	struct slice from, to;      /* addresses; case does not matter */
	int64_t since_ms, until_ms; /* wall clock: it began to come then; 0: any */
};
/* Where a search goes on; zeroed: with the newest message. */
struct journey_search {
	char upto[24]; /* ids behind it have been looked at */
	bool begun;
};
/* Inside a read: looks at some of the journeys, newest first, and hands out the RECEIVED events of
 * messages that are meant. 1: there may be more, go on in another read; 0: that was all; or what
 * visit returned. How it is done without an index: journey_sketch.h. */
int journey_search(struct db *db, const struct journey_filter *filter,
                   struct journey_search *search, journey_visit visit, void *arg);
/* Hands out the rows of a query whose columns are at_ms, queue_id, message_id, kind, address, peer,
 * detail and position. */
struct db_rows;
int journey_visit_rows(struct db_rows *rows, journey_visit visit, void *arg);
/* Inside a commit: a journey mentions what it did not when it began. */
int journey_note_late(struct db *db, struct slice queue_id);
/* The account that handed a message in, of its RECEIVED event; empty if nobody had logged in. */
struct slice journey_account(const struct journey_event *received);
/* "received", "delivered", ... */
const char *journey_kind_name(enum journey_kind kind);

#endif
