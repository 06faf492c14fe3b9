/* Recipients that a sender's mail is not taken for any more, after they failed for good: rows.
 *
 * Each belongs to a section suppression of the configuration, a sender's domain or an account.
 * Inside closures; recipients are compared in lower case. */
#ifndef VEREDUS_ROUTE_SUPPRESSION_H
#define VEREDUS_ROUTE_SUPPRESSION_H

#include "config/config.h"
#include "route/bounce_rows.h"

struct suppression {
	struct slice scope;     /* the section's title, canonical */
	struct slice recipient; /* lower case */
	int64_t since_ms;
	int64_t until_ms; /* 0: until it is removed */
	struct slice reason;
};

/* In place of what was there. */
int suppression_put(struct db *db, const struct suppression *s);
/* -ENOENT */
int suppression_remove(struct db *db, struct slice scope, struct slice recipient);
/* That holds at now_ms; the reason lies in the arena. -ENOENT. */
int suppression_find(struct db *db, struct arena *arena, struct slice scope, struct slice recipient,
                     int64_t now_ms, struct suppression *out);
/* What who asks for the recipient is told: one line of ASCII, though the reason is what a host
 * elsewhere has said. */
const char *suppression_text(struct arena *arena, const struct suppression *s);
int suppression_expire(struct db *db, int64_t now_ms);

typedef int (*suppression_visit)(const struct suppression *s, void *arg);
/* By scope and recipient, behind that pair; of all scopes if `scope` is empty. */
int suppression_each(struct db *db, struct slice scope, const struct suppression *after,
                     suppression_visit visit, void *arg);

/* What has failed, as the section says; section NULL: nothing. */
int suppression_note(struct db *db, const struct config_suppression *section,
                     const struct bounce_row *row);

#endif
