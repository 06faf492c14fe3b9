/* Which messages of a view match the keys of a SEARCH, whoever asks: a command about the selected
 * mailbox or another, or a context that is kept up to date.
 *
 * It is asked in three steps, from what is cheap to what is dear: the view, the messages' rows, and
 * their bytes on the thread pool. */
#ifndef VEREDUS_IMAP_IMAP_SEEK_H
#define VEREDUS_IMAP_IMAP_SEEK_H

#include "imap/imap_session.h"

/* How well a message matches fuzzy keys (RFC 6203): 1 to 100. */
struct imap_score {
	uint32_t uid;
	uint8_t score;
};

struct imap_seek {
	struct imap_session *s;
	struct imap_command *c; /* tells how far it is; NULL: nobody waits for an answer */
	struct arena *arena;    /* of what is found */
	const struct mailbox_view *view;
	uint32_t recent_uid;
	const struct uid_set *saved;  /* "$" */
	struct imap_search_key *root; /* imap_seek_prepare() */
	bool by_uid;                  /* numbers are UIDs, not sequence numbers */
	bool scores_wanted;
	const struct uid_set *among; /* UIDs that are looked at; NULL: all */

	struct uid_set numbers;
	struct imap_score *scores; /* by UID, if they are wanted */
	size_t score_count, score_capacity;
	unsigned unreadable; /* messages that had to be left out */

	struct arena *batch, *scratch; /* of a step */
};

/* For the keys of a command about the selected mailbox, by UID. */
struct imap_seek imap_seek_of(struct imap_command *c, struct imap_search_key *root);
/* A set as UIDs of the view; numbers that no message has are left out. */
struct uid_set imap_seek_uids(struct imap_seek *k, const struct imap_set *set, bool by_uid);
/* Sets in the keys become UIDs, keywords bits, periods times. Once, before it is run. */
void imap_seek_prepare(struct imap_seek *k);
/* Keywords again: the mailbox may have new ones. */
void imap_seek_keywords(struct imap_seek *k);
/* 0, or why rows can't be read. */
int imap_seek_run(struct imap_seek *k);
/* 0 if it is not among them. */
unsigned imap_seek_score(const struct imap_seek *k, uint32_t uid);

#endif
