/* Flags in the hands of somebody who is not the owner of a mailbox.
 *
 * \Seen is each reader's own: what the owner has seen is a bit of the packed records, as all flags
 * are; what another has seen of that mailbox lies in packed records of that account (table
 * seen_chunk), in which FLAG_SEEN is the only flag. Both take MODSEQs from the mailbox, so those
 * that a reader is told, the greater of the two of each message, ascend as RFC 7162 wants it.
 *
 * A viewer is the account's id, or 0 for the owner. Called inside a closure, like the functions of
 * mailbox.h. */
#ifndef VEREDUS_MAILBOX_MAILBOX_SEEN_H
#define VEREDUS_MAILBOX_MAILBOX_SEEN_H

#include "mailbox/mailbox.h"
#include "mailbox/mailbox_pack.h"

#define FLAGS_ANY (~UINT64_C(0))

struct flag_request {
	int64_t mailbox_id;
	int64_t viewer;
	const struct uid_set *uids;
	enum flag_change how;
	uint64_t flags;
	uint64_t mask; /* flags that may be changed; others stay as they are */
	/* Not NULL: messages whose MODSEQ is greater are left as they are, and told in this arena
	 * (RFC 7162 section 3.1.3). */
	struct arena *arena;
	uint64_t unchanged_since;
};
/* Changes. newer_out and changed_out (messages): NULL allowed. */
int mailbox_request_flags(struct db *db, const struct flag_request *request,
                          struct uid_set *newer_out, uint64_t *changed_out);

/* Changes: mailbox_copy() and mailbox_move() for somebody who is not the owner of one of them. A
 * move to another account counts against its quota: -EDQUOT. */
struct mailbox_copier {
	int64_t from_viewer, to_viewer;
	uint64_t allowed; /* flags that may be set in the target */
	bool move;
};
int mailbox_copy_by(struct db *db, struct arena *arena, const struct mailbox_copier *by,
                    int64_t from_id, const struct uid_set *uids, int64_t to_id,
                    struct mailbox_copied *out);

/* Reading: \Seen and MODSEQs of a record of the mailbox become those of the viewer. */
int seen_overlay(struct db *db, int64_t mailbox_id, int64_t viewer, struct flag_pack *p);
/* The same with the bytes of the viewer's record at hand. */
int seen_overlay_bytes(struct slice seen, struct flag_pack *p);

/* Changes: what goes with a record, a mailbox, an account. */
int seen_drop_record(struct db *db, int64_t mailbox_id, uint32_t number);
int seen_drop_mailbox(struct db *db, int64_t mailbox_id);
int seen_drop_account(struct db *db, int64_t account_id);

#endif
