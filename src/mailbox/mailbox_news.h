/* What has changed lately beside messages, for sessions that want to be told: the names of
 * annotations, not their values (RFC 5465 section 5.6 and 5.7), and keys of URLs (RFC 4467). In
 * memory, in this process; the latest MAILBOX_NEWS_KEPT of each kind.
 *
 * Who waits for changes watches the mailbox (mailbox_view.h) for shared annotations and for keys,
 * its account's names for private annotations, and mailbox ANNOTATION_SERVER for what the server
 * says to everybody. [any thread] */
#ifndef VEREDUS_MAILBOX_MAILBOX_NEWS_H
#define VEREDUS_MAILBOX_MAILBOX_NEWS_H

#include "mailbox/annotation.h"

enum { MAILBOX_NEWS_KEPT = 1024 };

struct mailbox_news;

struct mailbox_news_item {
	int64_t mailbox_id; /* or ANNOTATION_SERVER; of keys, 0: of all mailboxes */
	int64_t account_id; /* whose it is; 0: everybody's */
	uint64_t by;        /* the session that changed it */
	struct slice name;  /* of an annotation */
};

struct mailbox_news *mailbox_news_new(void);
void mailbox_news_free(struct mailbox_news *n);

void mailbox_news_note(struct mailbox_news *n, const struct mailbox_news_item *change);
/* The number of changes so far. */
uint64_t mailbox_news_count(struct mailbox_news *n);
/* What came behind the first *seen ones, in its order, in the arena; *seen moves on. False: some of
 * that is not known any more. */
bool mailbox_news_since(struct mailbox_news *n, struct arena *arena, uint64_t *seen,
                        struct mailbox_news_item **changes_out, size_t *count_out);

#endif
