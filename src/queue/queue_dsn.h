/* Delivery status notifications: what the sender is told. Pure text; RFC 3461, 3462 and 3464, and
 * RFC 6533 where an address needs it. */
#ifndef VEREDUS_QUEUE_QUEUE_DSN_H
#define VEREDUS_QUEUE_QUEUE_DSN_H

#include "base/arena.h"
#include "client/smtp_reply.h"

struct config;
struct quarantine_row;

/* The last two are for who receives: into one mailbox; to all that an alias leads to. */
enum queue_dsn_action { DSN_FAILED, DSN_DELAYED, DSN_RELAYED, DSN_DELIVERED, DSN_EXPANDED };

struct queue_dsn_recipient {
	struct slice address; /* the final recipient */
	struct slice orcpt;   /* xtext with its type, as given with RCPT, or empty */
	struct smtp_enhanced status;
	struct slice remote; /* the host that spoke last, or empty */
	struct slice reply;  /* what it said ("550 5.1.1 ..."), or empty */
	struct slice text;   /* for people: the reply, or our own words */
};

struct queue_dsn {
	enum queue_dsn_action action;
	const char *hostname;      /* ours */
	struct slice reverse_path; /* who is told */
	struct slice queue_id;
	struct slice envid;       /* xtext, or empty */
	struct slice original_id; /* Message-ID with <>, or empty */
	struct slice message;     /* the bytes that were to be sent */
	bool smtputf8;
	bool is_double; /* for the postmaster, as there is no sender who can be told */
	char ret;       /* 'F' all of the message, 'H' its header, 0 as we like */
	int64_t arrived_ms, now_ms, expires_ms;
	int64_t by_ms; /* RFC 2852: when it was to be delivered; 0: nobody said */
	const struct queue_dsn_recipient *recipients;
	size_t recipient_count;
};

/* A longer message is returned as its header only, unless RET=FULL asked for all of it. */
enum { QUEUE_DSN_RETURN_MAX = 64 * 1024 };

/* What the sender can do about it: one sentence or two, for the text for people. */
const char *queue_dsn_advice(struct smtp_enhanced status);
/* The whole message, lines ended by CRLF, in the arena. *is_8bit_out: it needs 8BITMIME. */
struct slice queue_dsn_compose(struct arena *arena, const struct queue_dsn *dsn, bool *is_8bit_out);
/* That a held message is in the mailbox now: for post_config. */
struct slice queue_dsn_released(struct arena *arena, const struct config *config,
                                const struct quarantine_row *row, struct slice message,
                                bool *is_8bit_out);

#endif
