/* The rows under mailbox.h, for the files of this folder alone. */
#ifndef VEREDUS_MAILBOX_MAILBOX_ROWS_H
#define VEREDUS_MAILBOX_MAILBOX_ROWS_H

#include "mailbox/mailbox.h"
#include "mailbox/mailbox_pack.h"

/* Of a mailbox; up to some hundred more, as it is not looked each time. */
enum { EXPUNGED_ROWS_KEPT = 1024 };

static inline int64_t message_key(int64_t mailbox_id, uint32_t uid)
{
	return mailbox_id * (INT64_C(1) << 32) + uid;
}

static inline int64_t pack_key(int64_t mailbox_id, uint32_t number)
{
	return mailbox_id * (INT64_C(1) << 24) + number;
}

/* What a commit adds to a mailbox's counters; negative for what goes. */
struct mailbox_delta {
	int64_t messages, unseen, deleted, bytes;
};

/* Counts a message with these flags in (sign 1) or out (-1). */
void mailbox_delta_flags(struct mailbox_delta *delta, uint64_t flags, int sign);
/* Applies it, to the account too, and begins a new MODSEQ. -ENOENT: no such mailbox. */
int mailbox_count(struct db *db, int64_t mailbox_id, const struct mailbox_delta *delta);
/* The next MODSEQ of a mailbox: the one that mailbox_count() will set. -ENOENT. */
int mailbox_next_mod_seq(struct db *db, int64_t mailbox_id, uint64_t *mod_seq_out);

/* Loads the first row of a mailbox whose number is from first to last. -ENODATA: none. */
int pack_load(struct db *db, int64_t mailbox_id, uint32_t first, uint32_t last,
              struct flag_pack *out);
int pack_save(struct db *db, int64_t mailbox_id, uint64_t mod_seq, const struct flag_pack *p);
/* Takes the UIDs of a set out of the record, and saves or deletes it. */
int pack_remove(struct db *db, int64_t mailbox_id, uint64_t mod_seq, struct flag_pack *p,
                const struct uid_set *gone);

/* A walk over the rows that may hold UIDs of a set: start with position and next 0. */
struct pack_walk {
	struct db *db;
	int64_t mailbox_id;
	const struct uid_set *uids;
	size_t position;
	uint32_t next;
	struct flag_pack pack;
};
/* Loads the next one into .pack. -ENODATA at the end. */
int pack_walk_next(struct pack_walk *w);

/* Keeps messages that went at that time, with the bytes of all of them. Their rows stay. */
int keep_messages(struct db *db, int64_t mailbox_id, const struct flag_pack *p, uint64_t bytes,
                  int64_t at_ms);
/* Keeps all that a mailbox has; at_ms 0: not for anybody. */
int keep_all(struct db *db, int64_t mailbox_id, int64_t at_ms);

/* A run of messages of one row whose UIDs have no gap. */
struct uid_run {
	uint32_t first, last;
};
struct message_refs {
	int64_t blob_ids[PACK_UIDS];
	uint64_t bytes;
	size_t count;
};
/* The blobs that the messages of a run name; at most PACK_UIDS messages. */
int message_refs_load(struct db *db, int64_t mailbox_id, struct uid_run run,
                      struct message_refs *out);
/* Notes UIDs that went in the commit with this MODSEQ, and forgets the oldest. */
int expunged_note(struct db *db, int64_t mailbox_id, uint64_t mod_seq, const struct uid_set *uids);

#endif
