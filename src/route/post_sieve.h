/* Scripts of users at delivery (sieve/sieve.h): from the actions that they come to, to folders,
 * messages that go out, and what is remembered. Only the receiving commit uses this.
 *
 *     post_sieve.c         which scripts there are, and running them
 *     post_sieve_act.c     what their actions mean for this delivery
 *     post_sieve_mail.c    the messages that we write: answers, notices, refusals, complaints
 *     post_sieve_commit.c  the rows
 *
 * All is read and composed before the commit. An account without scripts, of its own or for
 * everybody, costs one look at an index. */
#ifndef VEREDUS_ROUTE_POST_SIEVE_H
#define VEREDUS_ROUTE_POST_SIEVE_H

#include "route/post_delivery.h"
#include "route/post_parcel.h"
#include "sieve/sieve.h"
#include "sieve/sieve_rows.h"

enum {
	POST_SENT_ON_MAX = 3, /* scripts of ours, one after another, in one commit */
	POST_HOPS_MAX = 10,   /* accounts, here or elsewhere, that have sent it on (Delivered-To) */
};

/* The scripts for everybody. */
struct post_sieve {
	struct arena *arena;
	struct sieve_limits limits;
	const struct sieve_program *before, *after; /* or NULL */
	struct slice before_text, after_text;
	struct post_sieve *older; /* deliveries that began with them may still run */
};
/* Reads and compiles them. What is wrong goes to errors, a line each ("file:line:column: text"), or
 * if that is NULL to the log, and the script is left out. Blocks. */
struct post_sieve *post_sieve_open(const struct config *config, struct buf *errors);
bool post_sieve_is_same(const struct post_sieve *a, const struct post_sieve *b);
/* And those before them. */
void post_sieve_close(struct post_sieve *s); /* NULL is allowed */

/* A message that is not as it came: changed by a script, or one that we have written. */
struct post_edition {
	struct post_edition *next;
	struct slice parts[3];
	struct message_summary summary;
	uint64_t size_bytes;
	struct buf note;
	bool written; /* by us */
};

/* A folder that it goes into. */
struct post_filing {
	struct post_filing *next;
	struct slice folder; /* a name of a mailbox; empty: the inbox of the drop */
	bool create, mark_seen;
	struct slice special_use, mailbox_id; /* rather there; or empty */
	struct sieve_text_list flags;
	struct post_edition *edition; /* NULL: the message as it came */
	int64_t filed_id;             /* after the commit: where it is */
	struct slice filed_name;      /* likewise */
	bool made_folder;             /* likewise: sessions hear of its name */
};

struct post_memory {
	struct post_memory *next;
	enum sieve_memory kind;
	struct slice key;
	int64_t until_ms;
	bool known; /* it was remembered before, and is for longer */
};

struct post_word {
	struct post_word *next;
	struct slice text;
};

/* What scripts made of a message for one account. */
struct post_sorted {
	struct post_filing *filings; /* NULL: it is not kept */
	struct post_memory *memories;
	struct post_word *words; /* for the journey */
};

/* A message that goes out in the same commit. */
struct post_outgoing {
	struct post_outgoing *next;
	struct post_client client;
	struct post_envelope envelope;
	struct post_recipient *recipients;
	struct post_parcel *parcel;
};

/* Runs the scripts of all mailboxes among the drops. 0; -EPERM: that of the only one refuses the
 * message, and why stands in the refusal of the envelope; or an error: the store does not answer
 * now. Parks the fiber. */
int delivery_sort(struct delivery *d);
/* Blobs that the commit must bring along, those of outgoing messages among them. */
size_t delivery_sorted_blobs(const struct delivery *d);
void delivery_sorted_fill(const struct delivery *d, struct store_blob *out);
/* Inside the commit. blobs: those above, with their ids. The second one does for a drop with
 * scripts what is done for others with their inbox. */
int delivery_commit_sorted(struct db *db, struct delivery *d, const struct store_blob *blobs);
int delivery_commit_filings(struct db *db, struct delivery *d, struct drop *drop, int64_t blob_id);
/* Of these, for who files only some of them: where one goes (-ENOENT never: then to the inbox of
 * the drop), the flags that the script gave it there, and all of it. */
int delivery_filing_place(struct db *db, struct delivery *d, const struct drop *drop,
                          struct post_filing *f, struct mailbox_info *out);
int delivery_filing_flags(struct db *db, const struct post_filing *f, int64_t mailbox_id,
                          uint64_t *out);
int delivery_commit_filing(struct db *db, struct delivery *d, struct drop *drop,
                           struct post_filing *f, int64_t blob_id);
int delivery_commit_memories(struct db *db, const struct delivery *d, const struct drop *drop);
/* Before all of that. -ESTALE: what scripts are to do once another delivery has done since they
 * asked. */
int delivery_check_memories(struct db *db, const struct delivery *d);
/* After it. */
void delivery_sorted_end(struct delivery *d, bool committed);

/* --- among the files of this -------------------------------------------------------------- */

struct sorting {
	struct delivery *d;
	struct drop *drop;
	struct arena *arena;
	struct slice header; /* with the trace */
	int rc;              /* of the store */
	bool of_event;       /* the message is in a mailbox already (post_event.h) */
	bool seen;           /* so "duplicate" has found */
};

/* What a machine is told of the message; its scripts are left to the caller. */
struct sieve_job sorting_job(struct sorting *s);

/* Does what a run came to. 0, or an error of the store. */
int sorting_apply(struct sorting *s, const struct sieve_result *result);
/* The user is told, at most once a day, and the message is kept. */
int sorting_complain(struct sorting *s, const char *script, unsigned line, const char *text);
/* 1: it is remembered. */
int sorting_remembers(struct sorting *s, enum sieve_memory kind, struct slice key);
/* Finds a mailbox of the account. Inside a closure. 0 or -ENOENT, or an error. */
int sorting_find_mailbox(struct db *db, struct arena *arena, int64_t account_id,
                         enum sieve_mailbox_test by, struct slice key, struct slice name,
                         struct mailbox_info *out);

/* Whole messages, in the arena. */
struct slice post_sieve_answer(struct sorting *s, const struct sieve_action *a);
struct slice post_sieve_notice(struct sorting *s, const struct sieve_action *a);
struct slice post_sieve_refusal(struct sorting *s, const struct sieve_action *a);
struct slice post_sieve_complaint(struct sorting *s, const char *script, unsigned line,
                                  const char *text);

#endif
