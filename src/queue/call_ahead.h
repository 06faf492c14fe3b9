/* What next hosts said of recipients in relay domains, as rows. Inside closures; addresses in
 * canonical form. How long a row is believed is for the reader to say. */
#ifndef VEREDUS_QUEUE_CALL_AHEAD_H
#define VEREDUS_QUEUE_CALL_AHEAD_H

#include "store/db.h"

/* Strangers make the addresses up: so many are kept, those asked for longest ago go first. */
enum { CALL_AHEAD_ROWS_MAX = 200000 };

struct call_ahead_row {
	bool known;
	int64_t asked_ms; /* wall clock */
	struct slice reply;
};

/* -ENOENT; the reply lies in the arena. */
int call_ahead_find(struct db *db, struct arena *arena, struct slice address,
                    struct call_ahead_row *out);
int call_ahead_put(struct db *db, struct slice address, const struct call_ahead_row *row);
/* Those of a domain, or all if it is empty. */
int call_ahead_forget(struct db *db, struct slice domain, int64_t *count_out);

#endif
