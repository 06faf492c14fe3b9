/* Does a message match a SEARCH? Asked in three steps, from what is cheap to what is dear: by the
 * view alone, then by the message's row, then by its bytes. Pure. */
#ifndef VEREDUS_IMAP_IMAP_MATCH_H
#define VEREDUS_IMAP_IMAP_MATCH_H

#include "imap/imap_envelope.h"
#include "imap/imap_parse.h"
#include "mailbox/mailbox_view.h"

/* How well the fuzzy keys that match do so. */
struct imap_relevance {
	unsigned sum, count; /* of scores from 1 to 100 */
};

struct imap_match {
	struct arena *scratch; /* for decoding; emptied after each key */
	const struct mailbox_item *item;
	uint32_t recent_uid;
	const struct mailbox_message *row; /* NULL: not read yet */
	const struct slice *bytes;         /* NULL: not read yet */
	struct imap_relevance *relevance;  /* added to; NULL: nobody asks */
};

enum imap_verdict { MATCH_NO, MATCH_YES, MATCH_UNKNOWN /* without row or bytes */ };

enum imap_verdict imap_match(const struct imap_search_key *key, const struct imap_match *m);

#endif
