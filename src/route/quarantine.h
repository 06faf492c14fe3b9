/* The quarantine: mail that was taken, and is held until somebody says what becomes of it.
 *
 *     held       by the receiving commit (route/post_quarantine.h): a row for each mailbox or
 *                address elsewhere that the recipients lead to; they share the message's blob
 *     released   post_release(): goes on to that recipient as if it had come now
 *     dropped    by hand, by time, or since there is no room
 *
 * What is held is no mail of the mailbox: no quota counts it, no protocol shows it. Rows are
 * changed inside commits only. Texts in rows are as strangers wrote them, but for header_from and
 * subject, which are UTF-8 without control characters. */
#ifndef VEREDUS_ROUTE_QUARANTINE_H
#define VEREDUS_ROUTE_QUARANTINE_H

#include "config/config_quarantine.h"
#include "route/journey.h"
#include "route/queue_rows.h"

/* Kept in the database by number: new ones go to the end. */
enum quarantine_reason {
	QUARANTINE_RULE,   /* why: its name */
	QUARANTINE_SCORE,  /* why: the total */
	QUARANTINE_DMARC,  /* why: the domain that wants it */
	QUARANTINE_FILTER, /* why: the filter and what it says */
	QUARANTINE_REASONS
};
/* "rule", "score" ...; NULL beyond the last. */
const char *quarantine_reason_name(enum quarantine_reason reason);

/* Of From and Subject so many bytes are kept. */
enum { QUARANTINE_TEXT_MAX = 300 };

struct quarantine_row {
	int64_t id;
	int64_t account_id;   /* whose mailbox it is for; 0: it goes to another host */
	struct slice address; /* of the account, or of who it goes to */
	struct slice asked;   /* for whom it came: an alias, perhaps */
	int64_t blob_id;
	uint64_t skip_bytes; /* at its front: the Return-Path field */
	uint64_t size_bytes; /* of the blob */
	int64_t at_ms, until_ms;
	enum quarantine_reason reason;
	struct slice why;
	bool scored;
	int score; /* hundredths */
	struct slice score_text;
	struct slice queue_id;
	struct slice reverse_path;
	struct slice client; /* its address, or empty */
	struct slice header_from, subject;
	/* How it goes on; as in struct queue_new_message. */
	struct slice account; /* who handed it in; empty: nobody had logged in */
	bool smtputf8;
	enum queue_body body;
	unsigned notify;
	struct slice orcpt, envid;
	char ret;
	struct slice options;
};

/* Makes room by config->full, and adds it; retains the blob. id is not looked at. *dropped_out:
 * rows that had to go, whose journeys say so. -EDQUOT: there is no room, and none is made. */
int quarantine_add(struct db *db, const struct config_quarantine *config,
                   const struct quarantine_row *row, int64_t *dropped_out);
/* In a read. -ENOENT. Slices lie in the arena. */
int quarantine_get(struct db *db, struct arena *arena, int64_t id, struct quarantine_row *out);
/* Takes a row away, releases its blob and notes in its journey what became of it. -ENOENT: somebody
 * else has done that. */
int quarantine_remove(struct db *db, const struct quarantine_row *row, enum journey_kind kind,
                      struct slice detail, int64_t now_ms);
/* Drops some of those whose time is over; *count_out: so many, 0 when there are no more. */
int quarantine_expire(struct db *db, int64_t now_ms, int64_t *count_out);
/* All of an account that is removed. */
int quarantine_remove_account(struct db *db, int64_t account_id);

/* A visit gets slices that are valid until it returns; what it returns, if not 0, ends the walk and
 * is handed on. */
typedef int (*quarantine_visit)(const struct quarantine_row *row, void *arg);
/* In a read: at most limit rows behind after, in the order of ids. account_id 0: all of them, else
 * those for its mailbox. Returns 1 if there may be more. */
int quarantine_each(struct db *db, int64_t account_id, int64_t after, int64_t limit,
                    quarantine_visit visit, void *arg);

struct quarantine_sums {
	int64_t messages, bytes; /* a message counts once for each of its rows */
};
int quarantine_sum(struct db *db, struct quarantine_sums *out);

#endif
