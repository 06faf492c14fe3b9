/* What imports remember, so that they go on where they stopped: the sources of an account's mail
 * (a file, a folder of a Maildir, a folder of another server), how far each was read, and which of
 * its messages were brought in, by a key that the source gives them.
 *
 * Functions are called inside a closure; those that change, in one of store_commit(). A message
 * stays remembered when it is deleted here, so that the next run does not bring it back. */
#ifndef VEREDUS_MAILBOX_IMPORT_ROWS_H
#define VEREDUS_MAILBOX_IMPORT_ROWS_H

#include "store/db.h"

enum { IMPORT_NAME_MAX = 2000, IMPORT_STATE_MAX = 4000, IMPORT_KEY_MAX = 1000 }; /* bytes */

/* -ENOENT: nothing was imported from it yet. */
int import_find_source(struct db *db, int64_t account_id, struct slice name, int64_t *id_out);
/* Made if missing. */
int import_get_source(struct db *db, int64_t account_id, struct slice name, int64_t *id_out);
/* A text of whoever reads the source; empty at first. */
int import_get_state(struct db *db, struct arena *arena, int64_t source_id, struct slice *out);
int import_set_state(struct db *db, int64_t source_id, struct slice state);

/* Where a message of the source went. */
struct import_item {
	int64_t mailbox_id;
	uint32_t uid;
	uint32_t source_uid; /* what it is there, if the source has UIDs; else 0 */
	bool brought;        /* false: the folder had it before, from elsewhere */
};
/* -ENOENT. */
int import_find_item(struct db *db, int64_t source_id, struct slice key, struct import_item *out);
int import_note_item(struct db *db, int64_t source_id, struct slice key,
                     const struct import_item *item);
/* Those of a source in the order of their numbers, which are behind the keys, up to some thousand
 * at a time: start with *after INT64_MIN; -ENODATA when there are no more. The visit may not change
 * any. */
int import_each_item(struct db *db, int64_t source_id, int64_t *after,
                     void (*visit)(int64_t number, const struct import_item *item, void *arg),
                     void *arg);
int import_forget_number(struct db *db, int64_t source_id, int64_t number);
/* The source has given other UIDs to its messages: none counts as one that may go with it. */
int import_forget_uids(struct db *db, int64_t source_id);
/* The sources of an account behind one, ascending: start with 0. -ENODATA. */
int import_next_source(struct db *db, int64_t account_id, int64_t *source_id);
/* The source with all of its messages. */
int import_forget_source(struct db *db, int64_t source_id);
/* All sources of an account. */
int import_remove_account(struct db *db, int64_t account_id);

#endif
