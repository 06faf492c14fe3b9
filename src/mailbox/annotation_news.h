/* Which annotations have changed lately, for sessions that want to be told (RFC 5465 section 5.6
 * and 5.7): the names, not the values. In memory, in this process; the latest ANNOTATION_NEWS_KEPT.
 *
 * Who waits for changes watches the mailbox (mailbox_view.h) for shared ones, its account's names
 * for private ones, and mailbox ANNOTATION_SERVER for what the server says to everybody. [any
 * thread] */
#ifndef VEREDUS_MAILBOX_ANNOTATION_NEWS_H
#define VEREDUS_MAILBOX_ANNOTATION_NEWS_H

#include "mailbox/annotation.h"

enum { ANNOTATION_NEWS_KEPT = 1024 };

struct annotation_news;

struct annotation_change {
	int64_t mailbox_id; /* or ANNOTATION_SERVER */
	int64_t account_id; /* whose it is; 0: everybody's */
	uint64_t by;        /* the session that changed it */
	struct slice name;
};

struct annotation_news *annotation_news_new(void);
void annotation_news_free(struct annotation_news *n);

void annotation_news_note(struct annotation_news *n, const struct annotation_change *change);
/* The number of changes so far. */
uint64_t annotation_news_count(struct annotation_news *n);
/* What came behind the first *seen ones, in its order, in the arena; *seen moves on. False: some of
 * that is not known any more. */
bool annotation_news_since(struct annotation_news *n, struct arena *arena, uint64_t *seen,
                           struct annotation_change **changes_out, size_t *count_out);

#endif
