/* What messages are sorted and threaded by: dates, size, and their ids and base subject as hashes.
 *
 * These never change. So the keys of 256 UIDs that can't become more are packed into one row
 * (table key_chunk), which is read instead of 256 long ones. Nothing is written with a delivery:
 * the fiber of the index (imap_index.h) makes the rows that a mailbox lacks a while later, from the
 * messages' rows, from which the keys of the latest messages are read until then. A row without
 * bytes says that they always are.
 *
 * numbers, for each message in the order of UIDs, all integers with the lowest byte first:
 *
 *     1 byte   (UID - 1) % 256
 *     8 bytes  internal date, milliseconds
 *     8 bytes  date of sending, seconds
 *     8 bytes  size
 *
 * threads, for each in the same order:
 *
 *     8 bytes  hash of the Message-ID, 0 without one
 *     8 bytes  hash of the base subject, 0 without one
 *     1 byte   1: a reply by its subject
 *     2 bytes  how many ids of other messages follow, 8 bytes each: its ancestors, the parent last
 */
#ifndef VEREDUS_IMAP_IMAP_KEYS_H
#define VEREDUS_IMAP_IMAP_KEYS_H

#include "imap/imap_session.h"
#include "mailbox/mailbox_view.h"

struct imap_keys {
	int64_t internal_ms, sent_s;
	uint64_t size_bytes;
	/* Only when asked for. */
	uint64_t id, subject; /* 0: none */
	bool is_reply;
	const uint64_t *ancestors; /* the direct parent last */
	size_t ancestor_count;
	/* The row was made before it had References: they are in this message; else 0. */
	int64_t unknown_in;
};

/* Never 0. */
uint64_t imap_keys_hash(struct slice text);
/* The "<...>" of a field of message ids, into the arena. */
void imap_keys_ancestors(struct arena *arena, struct slice ids, struct imap_keys *keys);

/* Of the messages of the selected mailbox with those UIDs, in their order. Those that somebody has
 * removed meanwhile may be left out. The ancestors are in the command's arena. */
int imap_each_keys(struct imap_command *c, const struct uid_set *uids, bool threads,
                   int (*visit)(const struct mailbox_item *item, const struct imap_keys *keys,
                                void *arg),
                   void *arg);

/* Packs some of what a mailbox has; *more_out: there is more. May block. [thread pool] */
int imap_keys_fill(struct store *store, int64_t mailbox_id, bool *more_out);

/* --- for the files of this alone ----------------------------------------------------- */

enum { KEYS_READ = READ_ENVELOPE | READ_KEYS };
/* From a row that was read with KEYS_READ, or READ_ENVELOPE without threads. Ancestors are in the
 * arena; the scratch is emptied. */
void imap_keys_of_row(struct arena *arena, struct arena *scratch, const struct mailbox_message *row,
                      bool threads, struct imap_keys *out);
/* The value of References in a message; empty if it can't be read. May block. */
struct slice imap_keys_references(struct store *store, struct arena *arena, int64_t blob_id);

#endif
