/* Quotas (RFC 9208): what an account may hold, and what it holds.
 *
 * The use of bytes and messages is kept in the account's row by the commits that change it
 * (mailbox.h, 4), so a check inside the same commit is exact whatever runs beside it, and a crash
 * changes nothing. Mailboxes are counted when they are asked for.
 *
 * Called inside a closure, like the functions of mailbox.h. */
#ifndef VEREDUS_MAILBOX_QUOTA_H
#define VEREDUS_MAILBOX_QUOTA_H

#include "mailbox/mailbox.h"

enum quota_resource {
	QUOTA_STORAGE, /* bytes */
	QUOTA_MESSAGE,
	QUOTA_MAILBOX,
	QUOTA_RESOURCES,
};

struct quota {
	uint64_t limit[QUOTA_RESOURCES]; /* 0: none */
	uint64_t used[QUOTA_RESOURCES];
};

/* Reading. -ENOENT: there is no such account. */
int quota_get(struct db *db, int64_t account_id, struct quota *out);
/* The share of its limits that is used, of the resource that is nearest to its end: 0 without
 * limits, above 100 beyond them. */
unsigned quota_percent(const struct quota *q);
bool quota_is_limited(const struct quota *q);

/* -EDQUOT if so much more would exceed a limit. Mailboxes without an account have none. */
int quota_check(struct db *db, int64_t account_id, uint64_t bytes, uint64_t messages);
int quota_check_mailbox(struct db *db, int64_t account_id);

/* Changes. -ENOENT. */
int quota_set(struct db *db, int64_t account_id, const uint64_t limit[static QUOTA_RESOURCES]);
/* Counts the rows of all mailboxes of the account anew. What the counters said before, and say
 * now, are told; both are the same unless something else wrote to the database. */
int quota_recount(struct db *db, int64_t account_id, struct quota *before_out,
                  struct quota *after_out);

/* The bytes of the messages of a mailbox that have FLAG_DELETED: what EXPUNGE would free. */
int quota_deleted_bytes(struct db *db, int64_t mailbox_id, uint64_t *out);

/* --- thresholds ---------------------------------------------------------------------- */

/* An account whose use has come past a mark, or fallen below one, since it was last looked at. */
struct quota_crossing {
	int64_t account_id;
	struct slice address;
	unsigned percent; /* now */
	unsigned mark;    /* the highest that it is past; 0: none */
	unsigned told;    /* the one that it was past */
	struct quota quota;
};
/* Reading: looks at the next accounts behind *after (0 at first), and moves that on. found has room
 * for QUOTA_LOOK of them; addresses go into the arena. 1: there may be more accounts. marks
 * ascend. */
enum { QUOTA_LOOK = 500 };
int quota_find_crossings(struct db *db, struct arena *arena, const unsigned *marks,
                         size_t mark_count, int64_t *after, struct quota_crossing *found,
                         size_t *count_out);
/* Changes: it has been told that the account is past that mark. */
int quota_note_told(struct db *db, int64_t account_id, unsigned mark);

#endif
