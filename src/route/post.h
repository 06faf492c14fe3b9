/* The post office counter: all that the side of SMTP that strangers reach may ask of the rest.
 *
 * Look up a recipient, deliver an envelope with its bytes, note the journey. Nothing here reads a
 * mailbox. The seam is narrow on purpose: a process boundary is to go here. */
#ifndef VEREDUS_ROUTE_POST_H
#define VEREDUS_ROUTE_POST_H

#include "base/arena.h"
#include "config/config.h"
#include "message/address.h"
#include "net/address.h"
#include "route/post_envelope.h"

struct config_relay;
struct post;
struct store;
struct mailboxes;
struct quarantine_row;
struct trust;

/* Which mail is to be sent now (ETRN), and how many recipients that are. */
enum post_run_kind {
	POST_RUN_DOMAIN,     /* for the domain, canonical */
	POST_RUN_SUBDOMAINS, /* and for those below it */
	POST_RUN_QUEUE,      /* by the smarthost of that name; "all": whatever waits */
};
struct post_run {
	enum post_run_kind kind;
	struct slice name;
	/* out */
	int64_t started; /* that waited, and are due now */
	int64_t working; /* that were being sent already */
};

/* What the next host says of a recipient. */
enum post_known {
	POST_KNOWN,
	POST_UNKNOWN,
	POST_UNSURE, /* it can't be asked now, or does not say */
};

struct post_config {
	struct store *store;
	struct mailboxes *mailboxes;
	const struct config *_Atomic config; /* in force: config_reload.h */
	struct trust *trust;                 /* with which mail is signed; NULL: none is */
	/* Called after a commit that put something into the queue. */
	void (*queued)(void *arg);
	void *queued_arg;
	/* The same for what nobody is to get before then (wall clock), which is leased to nobody.
	 */
	void (*queued_until)(void *arg, int64_t due_ms);
	/* Runs the queue for post_run_queue(). Gets queued_arg. NULL: there is no queue. */
	int (*run_queue)(void *arg, struct post_run *run);
	/* Asks the next host about a recipient, or knows from before. Gets queued_arg. Parks the
	 * fiber. NULL: nobody can be asked, and all are taken. */
	enum post_known (*call_ahead)(void *arg, const struct config_relay *relay,
	                              const struct address *recipient);
	/* Called after mail to an address for reports was delivered; looks at what it
	 * needs and returns at once. Gets queued_arg. NULL: nobody reads them. */
	void (*report)(void *arg, struct slice from, struct slice trace, struct slice message);
	/* The text of a report of success about what is released into a mailbox here, in the
	 * arena. NULL: nobody is told. */
	struct slice (*released)(struct arena *arena, const struct config *config,
	                         const struct quarantine_row *row, struct slice message,
	                         bool *is_8bit_out);
};
int post_open(const struct post_config *config, struct post **out);
/* The reverse-path that mail goes on with which an alias of ours sends out: rewritten if the sender
 * is none of ours and the configuration says so, else as it is. In the arena. Parks the fiber. */
struct slice post_forward_sender(struct post *p, struct arena *arena, struct slice reverse_path);
/* A random name of this process. If there is a `queued`, what enters the queue is leased to that
 * name from the start: the queue of this process takes it up without another commit. How long the
 * lease lasts: queue/queue_lease.h. */
const char *post_owner(const struct post *p);
void post_close(struct post *p);

/* A configuration that takes the place of another (config_reload.h). The scripts for everybody are
 * read first; what is wrong in them goes to errors, a line each ("file:line:column: text"). NULL:
 * scripts are not run. Blocks. */
struct buf;
struct post_sieve;
struct post_sieve *post_scripts(const struct config *config, struct buf *errors);
void post_scripts_free(struct post_sieve *s);
/* Goes by both from now on; deliveries that run end as they began. config may be the one it has:
 * then only the scripts are looked at. The scripts become the post office's. Not by two threads at
 * once. */
void post_use(struct post *p, const struct config *config, struct post_sieve *scripts);

/* Who speaks, as far as it matters here. */
struct post_client {
	struct net_address address;
	const char *name;    /* its host name, as far as it is known; or NULL */
	const char *helo;    /* as given, or "" */
	const char *account; /* canonical address of who logged in, or NULL */
	int64_t account_id;
	char country[4];          /* where it is, by ISO 3166; "" if that is not known */
	unsigned failed_logins;   /* of the session, before that one */
	bool waits;               /* for answers that other hosts have to give */
	bool may_relay;           /* logged in, or from a relay network */
	const char *protocol;     /* RFC 3848: "ESMTPSA" */
	const char *tls_protocol; /* NULL: plain */
	const char *tls_cipher;
	const char *local_user; /* "uid 1000": on this host; or NULL */
	const char *forwarded;  /* where it had the message from, for the journey; or NULL */
};

enum post_verdict {
	POST_LOCAL,      /* it will be in one mailbox of ours */
	POST_FORWARDED,  /* it is ours, an alias to one address at another host */
	POST_LIST,       /* it is ours, an alias to several */
	POST_REMOTE,     /* it will be queued for another host */
	POST_NO_USER,    /* 550 5.1.1 */
	POST_NO_RELAY,   /* 550 5.7.1 */
	POST_OVER_QUOTA, /* 452 4.2.2 */
	POST_DISABLED,   /* 550 5.2.1 */
	POST_MOVED,      /* 551 5.1.6, with the address that post_expand() tells */
	POST_ALIAS_LOOP, /* 550 5.4.6, logged for the operator */
	POST_UNVERIFIED, /* 450 4.1.1: the next host can't be asked now */
	POST_TEMPORARY,  /* 451 4.3.0 */
};

/* May this client send to this address? local part and domain as received, domain empty for
 * <postmaster>. size: as declared by SIZE, or 0. */
enum post_verdict post_check_recipient(struct post *p, const struct post_client *client,
                                       struct slice local, struct slice domain, uint64_t size);
/* The same, and for an address of ours those that it stands for, nested aliases resolved, but
 * hidden ones among them as they are; in the arena. */
struct post_members {
	struct slice *addresses;
	size_t count;
	bool hidden; /* it is an alias whose members are told to nobody */
};
enum post_verdict post_expand(struct post *p, const struct post_client *client, struct slice local,
                              struct slice domain, struct arena *arena, struct post_members *out);
/* The addresses of ours with this local part, at most POST_SAME_NAME_MAX. 0, or an error of the
 * store. */
enum { POST_SAME_NAME_MAX = 20 };
int post_find_local_part(struct post *p, struct slice local, struct arena *arena,
                         struct post_members *out);
/* Of the domains of ours that which is listed first; the host's name if there is none. In the
 * arena. 0, or an error of the store. */
int post_first_domain(struct post *p, struct arena *arena, struct slice *out);
/* The domains whose mail this client may fetch: ATRN and TURN. 0, or an error of the store. */
struct post_fetcher {
	int64_t account_id;        /* who has logged in, or 0: */
	struct slice fingerprint;  /* of the client's certificate, or empty */
	const struct slice *names; /* that are in it, if others vouch for it */
	size_t name_count;
};
int post_find_fetched(struct post *p, const struct post_fetcher *who, struct arena *arena,
                      struct post_members *out);
/* Sends what waits over new connections. -ENOENT: there is no queue of that name; -EOPNOTSUPP:
 * there is none at all. Parks the fiber. */
int post_run_queue(struct post *p, struct post_run *run);
/* May this account send as this address: does it lead to it, or is it among those that it may use
 * besides (directory/send_as.h)? True also for the empty reverse-path. */
bool post_owns_sender(struct post *p, const struct post_client *client, struct slice local,
                      struct slice domain);

/* Is this recipient suppressed for what this client sends as this sender? Then why, for people; in
 * the arena. */
bool post_is_suppressed(struct post *p, const struct post_client *client, struct arena *arena,
                        const struct address *sender, const struct address *recipient,
                        const char **why_out);

/* [any thread] What the message will be called in replies, logs and journeys: 16 characters and
 * a NUL; sorts by time. */
void post_new_id(struct post *p, char out[static 17]);

enum post_result {
	POST_ACCEPTED, /* durable: 250 2.0.0 */
	POST_FULL,     /* disk: 452 4.3.1 */
	POST_LOOP,     /* too many Received, or Delivered-To already: 554 5.4.6 */
	POST_QUOTA,    /* a mailbox has no room for it, after all: 452 4.2.2 */
	POST_REFUSED,  /* by the recipient's script: 550 5.7.1, with the refusal's text */
	POST_FAILED,   /* 451 4.3.0 */
};
/* Takes responsibility in ONE commit: blob, mailbox rows, queue rows, journey. trace: the
 * Received field with its CRLF, or empty. message: the bytes as received, dot-unstuffed. A blob
 * holds Return-Path, trace and message, and all recipients share it; what the queue sends on
 * begins behind the Return-Path. (So many recipients that their note does not fit into one
 * record become several blobs, each with a queue id of its own, in the same commit.)
 * queue_id_out: what to tell the client and the log. Parks the fiber.
 *
 * A recipient that has become unknown since it was checked fails the whole: trying again will
 * tell the client which one. So does a mailbox that has no room for the message: its size need
 * not have been declared, and others may have filled the mailbox meanwhile. */
enum post_result post_deliver(struct post *p, const struct post_client *client,
                              const struct post_envelope *envelope, struct slice trace,
                              struct slice message, char queue_id_out[static 17]);

struct post_counts {
	uint64_t accepted, bytes; /* messages */
	uint64_t mailboxes, queued, held,
		released;                    /* recipients that they went to, here and elsewhere */
	uint64_t full, loops, quota, failed; /* messages not taken, by enum post_result */
	/* Messages for which scripts were run after a change over IMAP (post_event.h). */
	uint64_t events, event_errors, events_lost;
};
/* Of post_deliver(), since the start. [any thread] */
struct post_counts post_counts(const struct post *p);

#endif
