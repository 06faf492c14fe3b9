/* Rows with what 256 messages each are sorted and threaded by: packed by imap_keys.h, which says
 * what is in them. Here is where they lie. They can be made again at any time. */
#ifndef VEREDUS_MAILBOX_KEY_ROW_H
#define VEREDUS_MAILBOX_KEY_ROW_H

#include "mailbox/mailbox_pack.h"
#include "store/db.h"

enum { KEY_ROWS_AT_ONCE = 16 };

struct key_row {
	uint32_t number; /* (UID - 1) / 256 of its messages */
	struct slice numbers, threads, texts;
};

enum { KEY_ROW_THREADS = 1, KEY_ROW_TEXTS = 2 };
/* Those of a range of numbers, ascending; parts is a set of these: what is not in it is empty. */
int key_row_each(struct db *db, int64_t mailbox_id, uint32_t first, uint32_t last, unsigned parts,
                 int (*visit)(const struct key_row *row, void *arg), void *arg);
/* Numbers of records of flags that have no such row, the lowest first. Only where no further
 * message can come in between. -ENOENT: the mailbox is gone. */
int key_row_lacking(struct db *db, int64_t mailbox_id, uint32_t numbers_out[KEY_ROWS_AT_ONCE],
                    size_t *count_out);
/* In a commit. */
int key_row_save(struct db *db, int64_t mailbox_id, const struct key_row *row);
/* In a commit: drops those whose messages have all gone. */
int key_row_trim(struct db *db, int64_t mailbox_id);

#endif
