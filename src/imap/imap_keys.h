/* What messages are sorted and threaded by: dates, size, texts, and ids and base subject as hashes.
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
 *
 * texts, likewise, of each enum imap_keys_text:
 *
 *     2 bytes  length of the text that follows, which is folded
 */
#ifndef VEREDUS_IMAP_IMAP_KEYS_H
#define VEREDUS_IMAP_IMAP_KEYS_H

#include "imap/imap_session.h"
#include "mailbox/mailbox_view.h"

enum imap_keys_text {
	KEYS_CC,
	KEYS_FROM,
	KEYS_SUBJECT,
	KEYS_TO,
	KEYS_DISPLAYFROM,
	KEYS_DISPLAYTO,
	KEYS_TEXTS,
};
/* What is wanted besides numbers: a set of these, and of 1 << enum imap_keys_text. */
enum { KEYS_THREADS = 1 << KEYS_TEXTS, KEYS_ALL = (KEYS_THREADS << 1) - 1 };

struct imap_keys {
	int64_t internal_ms, sent_s;
	uint64_t size_bytes;
	/* Those of enum imap_keys_text that are asked for; NULL: none are. */
	const struct slice *texts;
	/* KEYS_THREADS */
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
 * removed meanwhile may be left out. Texts and ancestors are in the command's arena. A negative
 * result of visit ends it. */
int imap_each_keys(struct imap_command *c, const struct uid_set *uids, unsigned what,
                   int (*visit)(const struct mailbox_item *item, const struct imap_keys *keys,
                                void *arg),
                   void *arg);

/* Packs some of what a mailbox has; *more_out: there is more. May block. [thread pool] */
int imap_keys_fill(struct store *store, int64_t mailbox_id, bool *more_out);

/* --- for the files of this alone ----------------------------------------------------- */

/* How a row is to be read for that (enum mailbox_read). */
static inline unsigned imap_keys_read(unsigned what)
{
	return what & KEYS_THREADS ? READ_ENVELOPE | READ_KEYS : READ_ENVELOPE;
}
/* Texts and ancestors are in the arena; the scratch is emptied. */
void imap_keys_of_row(struct arena *arena, struct arena *scratch, const struct mailbox_message *row,
                      unsigned what, struct imap_keys *out);
/* The value of References in a message; empty if it can't be read. May block. */
struct slice imap_keys_references(struct store *store, struct arena *arena, int64_t blob_id);

#endif
