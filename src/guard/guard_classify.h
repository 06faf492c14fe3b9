/* What the classifier says about a message, as a line of the score table.
 *
 * Learned counters of everybody are taken together with those of the recipient, if there is one
 * whose mailbox it is; the recipient's count more. While fewer messages were learned than section
 * classifier wants, it has nothing to say. It fails open: a store that can't be read is no verdict.
 */
#ifndef VEREDUS_GUARD_GUARD_CLASSIFY_H
#define VEREDUS_GUARD_GUARD_CLASSIFY_H

#include "config/config.h"
#include "guard/guard_score.h"

struct store;
struct guard;

#define GUARD_CLASSIFY_LINE "bayes"

struct guard_opinion {
	bool given;
	int weight;           /* hundredths; 0: it can't tell */
	const char *evidence; /* bayes_evidence(), in the arena */
};

/* recipient: a canonical address, or empty. Takes the message apart on a thread of the pool, so it
 * may park the fiber. */
struct guard_opinion guard_classify(struct store *store, const struct config *config,
                                    struct arena *arena, struct slice message,
                                    struct slice recipient);
/* The same as the guard sees it; NULL has none. */
struct guard_opinion guard_opinion_of(struct guard *g, struct arena *arena, struct slice message,
                                      struct slice recipient);
/* Adds its line, if it was given. */
void guard_score_opinion(struct guard_score *score, const struct guard_opinion *opinion);

#endif
