/* Mailboxes: the folders of an account, their messages and flags.
 *
 * Functions that take a db are called inside a closure (store.h): those under "Changes" in one of
 * store_commit(), those under "Reading" in either kind. What a commit changed is told to the
 * sessions that look at the mailbox by mailboxes_changed(), after the commit returned. What a
 * session looks at is a view: mailbox_view.h.
 *
 *   1. UIDs of a mailbox are given out once, in ascending order, and never again.
 *   2. A mailbox's mod_seq is greater after each commit that changed it; what changed (each
 *      message, each packed record) carries the new value.
 *   3. A UID is in a packed record exactly if its row is in the table message; of messages that
 * were expunged lately the record is in expunged_chunk, and not in flag_chunk: read rows by
 *      mailbox_each_message() only.
 *   4. Counters (messages, unseen, deleted, bytes; bytes of the account) are changed by the same
 *      commit as what they count.
 *
 * Names are UTF-8, '/' between levels, at most MAILBOX_NAME_MAX bytes; "INBOX" is what any case of
 * it becomes, as the first level too. Levels above a mailbox need not exist as mailboxes. */
#ifndef VEREDUS_MAILBOX_MAILBOX_H
#define VEREDUS_MAILBOX_MAILBOX_H

#include "base/buf.h"
#include "mailbox/uid_set.h"
#include "store/db.h"
#include "store/store.h"

enum {
	MAILBOX_NAME_MAX = 400, /* bytes of a name */
	MAILBOX_DEPTH_MAX = 32, /* levels of a name */
	MAILBOX_PER_ACCOUNT_MAX = 10000,
	MAILBOX_KEYWORD_MAX = 56,    /* keywords of a mailbox */
	MAILBOX_KEYWORD_LENGTH = 64, /* bytes of a keyword */
};

/* The mailboxes of a store: the registry of shared views and of who waits for changes. */
struct mailboxes;
/* Also ends what a crash left of removed accounts. */
int mailboxes_open(struct store *store, struct mailboxes **out);
void mailboxes_close(struct mailboxes *m);
/* [any thread] After the commit: wakes sessions that look at it. */
void mailboxes_changed(struct mailboxes *m, int64_t mailbox_id);
/* Who is told of each change, too, on the thread of mailboxes_changed(). Before there are any. */
void mailboxes_listen(struct mailboxes *m, void (*listener)(int64_t mailbox_id, void *arg),
                      void *arg);
/* How long what was expunged, and mailboxes that were deleted, can be brought back
 * (mailbox_keep.h); 0 at first. [any thread], as the next */
void mailboxes_keep(struct mailboxes *m, int64_t keep_ms);
/* The most that is kept of an account; 0 (at first): there is no limit but the time. */
void mailboxes_keep_at_most(struct mailboxes *m, uint64_t bytes);
/* Finds what is more than that, the oldest of each account, and purges it. From time to time: it
 * goes through all that is kept. */
int mailboxes_limit_kept(struct mailboxes *m);
/* Frees what is kept no longer, some messages at a time. 0, or why a commit failed (the rest is
 * then left for the next call). */
int mailboxes_purge(struct mailboxes *m);

enum mailbox_flag {
	FLAG_SEEN = 1,
	FLAG_ANSWERED = 2,
	FLAG_FLAGGED = 4,
	FLAG_DELETED = 8,
	FLAG_DRAFT = 16,
	/* bits from 8 on are keywords of the mailbox */
};
#define FLAG_KEYWORD_SHIFT   8
#define FLAG_KEYWORD(number) (UINT64_C(1) << (FLAG_KEYWORD_SHIFT + (number)))

/* RFC 6154. */
enum mailbox_use {
	USE_NONE,
	USE_SENT,
	USE_DRAFTS,
	USE_TRASH,
	USE_JUNK,
	USE_ARCHIVE,
};

/* A message on its way in: the fixed part of its row. */
struct mailbox_new_message {
	int64_t blob_id; /* retained once by mailbox_append() */
	uint64_t size_bytes;
	int64_t internal_ms; /* wall clock */
	uint64_t flags;
	struct slice envelope;      /* IMAP ENVELOPE, ready to send (message/summary.h) */
	struct slice bodystructure; /* IMAP BODYSTRUCTURE, ready to send */
	struct slice references;    /* message ids of References; the last are kept */
};

struct mailbox_info {
	int64_t id, account_id;
	struct slice name;
	enum mailbox_use use;
	uint32_t uid_validity;
	uint32_t uid_next;
	uint32_t recent_uid; /* UIDs from here on are \Recent to who selects next */
	uint64_t mod_seq;
	uint64_t message_count, unseen_count, deleted_count, size_bytes;
};

/* --- Changes: folders ---------------------------------------------------------------- */

/* The INBOX of an account, made if missing. */
int mailbox_get_inbox(struct db *db, int64_t account_id, int64_t *mailbox_id_out);
/* The standard folders of a new account (INBOX, Sent, Drafts, Trash, Junk, Archive), subscribed
 * and marked with their special use (RFC 6154), as far as its quota goes. A directory_account_hook.
 */
int mailbox_make_folders(struct db *db, int64_t account_id, void *unused);
/* -EEXIST, -EINVAL (name), -ENFILE (MAILBOX_PER_ACCOUNT_MAX), -EDQUOT. */
int mailbox_create(struct db *db, int64_t account_id, struct slice name, enum mailbox_use use,
                   int64_t *mailbox_id_out);
/* Mailboxes below it stay. -ENOENT; -EPERM for INBOX. Its messages go by mailboxes_purge(). */
int mailbox_delete(struct db *db, int64_t account_id, struct slice name);
/* Takes mailboxes below it along. Of INBOX the messages are moved into a new mailbox, and what is
 * below stays (RFC 3501 section 6.3.5). -ENOENT, -EEXIST, -EINVAL. */
int mailbox_rename(struct db *db, int64_t account_id, struct slice from, struct slice to);
/* Names may be subscribed that are no mailbox. */
int mailbox_subscribe(struct db *db, int64_t account_id, struct slice name, bool subscribed);
/* All mailboxes of an account that is going, with their messages and subscriptions. */
int mailbox_remove_account(struct db *db, int64_t account_id);
/* The first UID that is not \Recent to anybody yet: all up to now have been told. */
int mailbox_set_recent(struct db *db, int64_t mailbox_id, uint32_t recent_uid);

/* --- Changes: messages --------------------------------------------------------------- */

/* Adds a message; counts it against the account's quota without judging. */
int mailbox_append(struct db *db, int64_t mailbox_id, const struct mailbox_new_message *message,
                   uint32_t *uid_out);
/* 0, or -EDQUOT if one more message of that size would exceed the account's quota: quota.h. */
int mailbox_check_quota(struct db *db, int64_t account_id, uint64_t size_bytes);

enum flag_change { FLAGS_ADD, FLAGS_REMOVE, FLAGS_SET };
/* Of those UIDs that exist; *changed_out (NULL allowed) is how many were changed. */
int mailbox_change_flags(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                         enum flag_change how, uint64_t flags, uint64_t *changed_out);
/* Of a row that was made before they were kept. */
int mailbox_set_references(struct db *db, int64_t mailbox_id, uint32_t uid,
                           struct slice references);
/* Removes the messages with those UIDs that exist; if only_deleted, and that have FLAG_DELETED.
 * One commit whatever their number; *count_out (NULL allowed). Their rows stay for a while. */
int mailbox_expunge(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                    bool only_deleted, uint64_t *count_out);

struct mailbox_copied {
	uint32_t uid_validity; /* of the target */
	struct uid_set from;   /* what was copied, in the arena */
	uint32_t first_uid;    /* new UIDs are contiguous and in the order of `from` */
	uint64_t count;
};
/* Flags, keywords and dates go along. Keywords that the target has no room for are dropped.
 * The target may be the source, but not for a move. -ENOENT when there is no such target,
 * -EDQUOT (copy only). */
int mailbox_copy(struct db *db, struct arena *arena, int64_t from_id, const struct uid_set *uids,
                 int64_t to_id, struct mailbox_copied *out);
/* Copies, and removes from the source, in one. */
int mailbox_move(struct db *db, struct arena *arena, int64_t from_id, const struct uid_set *uids,
                 int64_t to_id, struct mailbox_copied *out);

/* The bit of a keyword (case-insensitive), made if missing. -ENFILE when there is no room for
 * one more, -EINVAL when it is no atom of at most MAILBOX_KEYWORD_LENGTH bytes. */
int mailbox_get_keyword(struct db *db, int64_t mailbox_id, struct slice keyword,
                        uint64_t *flag_out);

/* --- Reading ------------------------------------------------------------------------- */

/* 0, or -EINVAL: no name for a mailbox. *out is the name with INBOX in capitals. All other
 * functions expect names that have come through here. */
int mailbox_name(struct arena *arena, struct slice name, struct slice *out);
/* -ENOENT. The name is in the arena. */
int mailbox_find(struct db *db, struct arena *arena, int64_t account_id, struct slice name,
                 struct mailbox_info *out);
int mailbox_get(struct db *db, struct arena *arena, int64_t mailbox_id, struct mailbox_info *out);
/* In the order of their names, as bytes. A visit that returns non-zero ends it. The slices are
 * valid during the visit. */
int mailbox_each(struct db *db, int64_t account_id,
                 int (*visit)(const struct mailbox_info *info, void *arg), void *arg);
int mailbox_each_subscription(struct db *db, int64_t account_id,
                              int (*visit)(struct slice name, void *arg), void *arg);

/* UIDs that went in commits after the one with that MODSEQ. -ENODATA: that is not known any more
 * (the latest EXPUNGED_ROWS_KEPT are). */
int mailbox_expunged_since(struct db *db, struct arena *arena, int64_t mailbox_id, uint64_t mod_seq,
                           struct uid_set *out);

enum mailbox_read { READ_ENVELOPE = 1, READ_BODYSTRUCTURE = 2, READ_KEYS = 4, READ_PLACE = 8 };
struct mailbox_message {
	uint32_t uid;
	int64_t blob_id;
	uint64_t size_bytes;
	int64_t internal_ms;
	struct slice envelope; /* empty if not asked for */
	struct slice bodystructure;
	/* READ_KEYS */
	int64_t saved_ms;      /* when it came into this mailbox; 0: not known */
	bool knows_references; /* false: they are to be read from the message */
	struct slice references;
	/* READ_PLACE: where its bytes are, for blob_open_at(), which then needs no read of its own.
	 */
	struct blob_place place;
};
/* The rows of those UIDs that exist, ascending; what is a set of enum mailbox_read. */
int mailbox_each_message(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                         unsigned what,
                         int (*visit)(const struct mailbox_message *message, void *arg), void *arg);

#endif
