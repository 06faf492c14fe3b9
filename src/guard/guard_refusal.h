/* What was refused, by a short code that stands in the reply, so that who asks about a refusal
 * can be answered: `veredus trace CODE`.
 *
 * The last ones are in memory and reach the store with the next save; there they are kept for a
 * time and up to a number. [any thread] */
#ifndef VEREDUS_GUARD_GUARD_REFUSAL_H
#define VEREDUS_GUARD_GUARD_REFUSAL_H

#include "base/arena.h"

struct db;
struct guard_refusals;

/* Letters and digits that nobody mistakes for each other. */
enum { GUARD_CODE_LEN = 8, GUARD_REFUSALS_MAX = 5000 };

/* All texts may be NULL. */
struct guard_refusal {
	int64_t at_ms; /* wall */
	const char *stage;
	const char *by; /* the rule, or what else refused it: "dmarc" */
	const char *client, *helo, *account, *sender, *recipient;
	const char *reply; /* with its codes */
	/* What was known of the message: what checks came to, and the score table. */
	const char *checked, *scored;
};

struct guard_refusals *guard_refusals_new(void);
void guard_refusals_free(struct guard_refusals *r);
/* Copies; the oldest that is not saved is forgotten beyond GUARD_REFUSALS_MAX. True when half as
 * many are there: they should be saved now. */
bool guard_refusals_note(struct guard_refusals *r, const char code[static GUARD_CODE_LEN + 1],
                         const struct guard_refusal *refusal);
void guard_code_make(char out[static GUARD_CODE_LEN + 1]);
/* Could the text be one? Case does not matter. */
bool guard_code_is(struct slice text);

/* Looks in memory; the texts lie in the arena. */
bool guard_refusals_find(struct guard_refusals *r, struct arena *arena, struct slice code,
                         struct guard_refusal *out);
/* Inside a closure: in the rows. -ENOENT. */
int guard_refusal_read(struct db *db, struct arena *arena, struct slice code,
                       struct guard_refusal *out);
/* Inside a closure: writes those that are in memory, and forgets what is older than before_ms and
 * more than max. guard_refusals_saved() ends it: if it was done those in memory are forgotten. */
int guard_refusals_write(struct db *db, struct guard_refusals *r, int64_t before_ms, int64_t max);
bool guard_refusals_any(struct guard_refusals *r);
void guard_refusals_saved(struct guard_refusals *r, bool done);

#endif
