/* The classifier: how likely is it that a message with these tokens is one that nobody wants?
 *
 *     struct bayes_tokens tokens;                  what is in the message (bayes_token.h)
 *     bayes_tokens_of(arena, message, limits, &tokens);
 *     counts = ...                                 how often each was learned (bayes_rows.h)
 *     bayes_judge(&tokens, counts, &totals, &verdict);
 *
 * Each token has a probability after Robinson: the share of spam among messages that have it, drawn
 * towards a half while few have. The BAYES_STRONGEST tokens that are farthest from a half are
 * combined after Fisher, once as evidence for spam and once for ham; what speaks for both, or for
 * neither, comes to a half. Pure. */
#ifndef VEREDUS_GUARD_BAYES_H
#define VEREDUS_GUARD_BAYES_H

#include "guard/bayes_token.h"

enum { BAYES_STRONGEST = 150, BAYES_SHOWN = 6 };

/* Of messages: that were learned, or of those the ones that have a token. */
struct bayes_count {
	int64_t spam, ham;
};

struct bayes_verdict {
	double probability; /* 0: ham, 1: spam, 0.5: not known */
	size_t used;        /* tokens that it is made from */
	size_t shown_count; /* of them the strongest */
	struct bayes_shown {
		struct slice text;
		double probability;
	} shown[BAYES_SHOWN];
};

double bayes_token_probability(const struct bayes_count *count, const struct bayes_count *totals);
/* counts: one a token. */
void bayes_judge(const struct bayes_tokens *tokens, const struct bayes_count *counts,
                 const struct bayes_count *totals, struct bayes_verdict *out);
/* "0.998 by 143: free 0.99; subject:hi 0.02", in the arena. Only what is plain ASCII is shown, as
 * it goes into header fields. */
const char *bayes_evidence(const struct bayes_verdict *verdict, struct arena *arena);

#endif
