/* What the classifier has learned, as rows. Inside closures (store/store.h).
 *
 * There is a corpus for each account, and a shared one (account 0). A corpus counts in how many
 * messages of each kind a token was. It remembers the messages that it learned, so that the same
 * one counts once, and is taken back when it is learned as the other kind. Both are bounded:
 *
 *   1. A corpus has at most max_tokens tokens; beyond, those go that were learned longest ago.
 *   2. It remembers the max_messages last messages. One before these counts as new. */
#ifndef VEREDUS_GUARD_BAYES_ROWS_H
#define VEREDUS_GUARD_BAYES_ROWS_H

#include "guard/bayes.h"

struct db;

enum { BAYES_SHARED = 0 }; /* instead of an account's id */

struct bayes_bounds {
	int64_t max_tokens, max_messages;
};

enum bayes_learned {
	BAYES_NEW,
	BAYES_KNOWN,   /* as this kind already: nothing changed */
	BAYES_CHANGED, /* as the other kind before */
};

int bayes_learn(struct db *db, int64_t account_id, const struct bayes_tokens *tokens, bool is_spam,
                const struct bayes_bounds *bounds, enum bayes_learned *out);
/* Takes one back. -ENOENT: it is not remembered. */
int bayes_unlearn(struct db *db, int64_t account_id, const struct bayes_tokens *tokens);
/* The whole corpus. */
int bayes_forget(struct db *db, int64_t account_id);

struct bayes_status {
	struct bayes_count messages;
	int64_t tokens;
};
/* All 0 if nothing was learned. */
int bayes_get_status(struct db *db, int64_t account_id, struct bayes_status *out);

/* Adds, `weight` times, what a corpus knows: to one count a token, and to the totals. */
int bayes_add_counts(struct db *db, int64_t account_id, const struct bayes_tokens *tokens,
                     int64_t weight, struct bayes_count *counts, struct bayes_count *totals);

#endif
