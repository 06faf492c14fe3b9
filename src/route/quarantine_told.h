/* Who has been told of what is held for them, and who is to be: rows (route/quarantine.h). */
#ifndef VEREDUS_ROUTE_QUARANTINE_TOLD_H
#define VEREDUS_ROUTE_QUARANTINE_TOLD_H

#include "store/db.h"

struct quarantine_untold {
	int64_t account_id;
	int64_t told_id;  /* up to this row it was told */
	int64_t first_ms; /* when the oldest came that it was not told of */
	int64_t last_id;  /* the newest */
	int64_t count;
};
/* In a read: at most limit accounts behind `after`, by their ids; returns how many, or an error. */
int quarantine_find_untold(struct db *db, int64_t after, struct quarantine_untold *out,
                           size_t limit);
/* In a read: one. -ENOENT: it has been told of all. */
int quarantine_get_untold(struct db *db, int64_t account_id, struct quarantine_untold *out);
/* In a commit: it is told up to that row. -EEXIST: somebody else has told it meanwhile. */
int quarantine_note_told(struct db *db, const struct quarantine_untold *untold);

/* Between two times at which people are told lies a slot: they are told of what came in an earlier
 * one. The slots begin at that hour of the day, and every interval_ms from there. */
int64_t quarantine_slot(int64_t at_ms, int64_t interval_ms, unsigned hour, int offset_minutes);

#endif
