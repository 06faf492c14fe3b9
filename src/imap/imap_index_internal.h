/* What the files of the index share. */
#ifndef VEREDUS_IMAP_IMAP_INDEX_INTERNAL_H
#define VEREDUS_IMAP_IMAP_INDEX_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/list.h"
#include "fiber/fiber.h"
#include "imap/imap_index.h"
#include "mailbox/mailbox_keep.h"
#include "mailbox/text_index.h"

/* A mailbox that waits. */
struct index_entry {
	struct list link; /* in imap_index.waiting, the first to be done first */
	int64_t mailbox_id;
	int64_t due_ms; /* monotonic */
	unsigned changes;
};

struct imap_index {
	struct imap_index_config config;
	char *dir;
	struct trigrams *words; /* of the message that is being taken in */
	int64_t remade_ms;      /* when a broken index was made anew */
	pthread_mutex_t lock;   /* of what follows */
	struct hash *by_id;
	struct list waiting;
	int64_t *rebuilds; /* accounts */
	size_t rebuild_count;
};

/* [any thread] */
void imap_index_note(struct imap_index *x, int64_t mailbox_id, int64_t delay_ms);
/* The mailbox's account, UIDVALIDITY and next UID. -ENOENT: it is gone. */
int imap_index_mailbox(struct store *store, int64_t mailbox_id, struct mailbox_info *out);

/* imap_index_fill.c */
struct index_fill {
	struct imap_index *x;
	int64_t mailbox_id;
	struct side *side;  /* kept from one call to the next; the caller closes it */
	int64_t account_id; /* out; 0: not known */
	int64_t spent_ms;   /* out: of one call */
	uint64_t taken;     /* out, added up: messages */
	bool more;          /* out */
	int rc;             /* out; -EPROTO, -EIO: the index is to be removed */
};
/* What a search may look for in a message. False: it is too large, or can't be read: who searches
 * will say so. */
bool imap_index_words(const struct imap_index *x, int64_t blob_id, uint64_t size_bytes,
                      struct slice envelope, struct trigrams *words);
/* imap_index_forget.c: a mailbox_forget_hook. */
void imap_index_forget(const struct mailbox_gone *gone, size_t count, void *index);
/* Takes in some more of a mailbox. On the thread pool. */
void imap_index_fill(void *fill);

#endif
