/* The index of the words of an account's mail: which messages need not be opened in a search.
 *
 * A database of its own for each account, DIR/index/ID.db, that can be made again at any time. It
 * knows, of each blob that a message of the account has, the trigrams of its text (trigram.h), in
 * an FTS5 table; where the blob is (mailbox and UID); and of each mailbox up to which UID all is in
 * it. What stands in a text is the caller's to say. Of a message that is too large to be taken in
 * it knows that, and answers that anything may be in it.
 *
 *   1. Of the UIDs up to text_index_done() none holds a needle but those of text_index_find().
 *   2. A place that it tells may be empty by now: the mailbox says what is there. */
#ifndef VEREDUS_MAILBOX_TEXT_INDEX_H
#define VEREDUS_MAILBOX_TEXT_INDEX_H

#include "mailbox/trigram.h"
#include "mailbox/uid_set.h"
#include "store/db.h"
#include "store/side.h"

/* How far a mailbox is in the index. With another UIDVALIDITY the index is of another database:
 * it is to be removed. */
struct text_index_mark {
	int64_t mailbox_id;
	uint32_t uid_validity;
	uint32_t uid; /* 0: nothing yet */
};

/* In dir, which is there. As side_open(). */
int text_index_open(const char *dir, int64_t account_id, bool change, struct side **out);
void text_index_remove(const char *dir, int64_t account_id);
uint64_t text_index_bytes(const char *dir, int64_t account_id);

/* --- in a change --------------------------------------------------------------------- */

/* words NULL: it is not looked into. The blobs of one change in the order of their ids, or it
 * takes longer. */
int text_index_add(struct db *db, int64_t blob_id, const struct trigrams *words);
/* With the trigrams that it was added with; NULL if it was not looked into. */
int text_index_drop(struct db *db, int64_t blob_id, const struct trigrams *words);
int text_index_place(struct db *db, int64_t blob_id, int64_t mailbox_id, uint32_t uid);
int text_index_displace(struct db *db, int64_t blob_id, int64_t mailbox_id, uint32_t uid);
int text_index_set_done(struct db *db, const struct text_index_mark *mark);

/* --- reading ------------------------------------------------------------------------- */

/* -ENODATA: it is not there. */
int text_index_has(struct db *db, int64_t blob_id, bool *looked_into_out);
/* Where else a blob is: the first place behind a mailbox and UID, which are moved on. -ENODATA. */
int text_index_next_place(struct db *db, int64_t blob_id, int64_t *mailbox_id, uint32_t *uid);
/* mark's mailbox_id is given. */
int text_index_done(struct db *db, struct text_index_mark *mark);
/* Of a mailbox the UIDs that may hold the needle, which is folded; into the arena. -ENODATA: the
 * needle is too short to tell. */
int text_index_find(struct db *db, struct arena *arena, int64_t mailbox_id, struct slice needle,
                    struct uid_set *out);

struct text_index_counts {
	int64_t blobs, skipped; /* in it; of these, not looked into */
};
int text_index_count(struct db *db, struct text_index_counts *out);

#endif
