/* Messages that were expunged, and mailboxes that were deleted, for as long as they can be brought
 * back.
 *
 * An expunge takes UIDs out of the packed records of the mailbox and notes them with their flags in
 * expunged_chunk; the rows in message, and what they name, stay as they are. So it costs little,
 * and brings back all there was. What is kept counts for no quota. mailboxes_purge() ends it, and
 * mailboxes_limit_kept() what is too much. */
#ifndef VEREDUS_MAILBOX_MAILBOX_KEEP_H
#define VEREDUS_MAILBOX_MAILBOX_KEEP_H

#include "mailbox/mailbox.h"

struct mailbox_kept {
	int64_t chunk; /* ascends with each that is visited */
	int64_t mailbox_id;
	struct slice folder; /* its name, or what it was when the mailbox was deleted */
	bool folder_gone;
	int64_t expunged_ms;
	const struct mailbox_message *message; /* READ_ENVELOPE */
};

enum { KEPT_CHUNKS_AT_ONCE = 64 };
/* Those of an account in the order in which they went, behind a chunk; some hundreds at a time. 1:
 * there may be more. A negative result of visit ends it. */
int mailbox_each_kept(struct db *db, int64_t account_id, int64_t after_chunk,
                      int (*visit)(const struct mailbox_kept *kept, void *arg), void *arg);

/* In a commit: brings back the messages of a chunk with those UIDs: flags and dates are what they
 * were, UIDs are new. to_id: the mailbox they came from or another; a mailbox that was deleted
 * can't be. Whether a quota has room is the caller's to ask. */
int mailbox_undelete(struct db *db, int64_t chunk, const struct uid_set *uids, int64_t to_id,
                     uint64_t *count_out);

/* A message that is forgotten. */
struct mailbox_gone {
	int64_t mailbox_id;
	uint32_t uid;
	int64_t blob_id;
	uint64_t size_bytes;
	struct slice envelope;
};
/* Is told before they are, so that what is known of them elsewhere can go. They may be brought back
 * at the last moment. */
typedef void (*mailbox_forget_hook)(const struct mailbox_gone *gone, size_t count, void *arg);
/* Before there are sessions. */
void mailboxes_on_forget(struct mailboxes *m, mailbox_forget_hook hook, void *arg);

/* The registry's part of it. */
struct mailbox_forget {
	struct store *store;
	mailbox_forget_hook hook; /* NULL: nobody */
	void *arg;
};
/* Ends what went before a time. */
int mailbox_forget(const struct mailbox_forget *f, int64_t before_ms);
/* Of each account (public mailboxes together) no more than that is kept: the oldest is to be
 * forgotten by the next mailbox_forget(). */
int mailbox_keep_limit(const struct mailbox_forget *f, uint64_t max_bytes);

#endif
