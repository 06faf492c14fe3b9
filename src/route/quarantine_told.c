#include "route/quarantine_told.h"

#include <errno.h>

#define UNTOLD                                                                                     \
	"SELECT q.account_id, COALESCE(max(d.told_id), 0), min(q.at_ms), max(q.id), count(*)"      \
	" FROM quarantine q LEFT JOIN quarantine_digest d ON d.account_id = q.account_id"          \
	" WHERE q.id > COALESCE(d.told_id, 0)"

static struct quarantine_untold untold_of(const struct db_rows *rows)
{
	return (struct quarantine_untold){ .account_id = db_int(rows, 0),
		                           .told_id = db_int(rows, 1),
		                           .first_ms = db_int(rows, 2),
		                           .last_id = db_int(rows, 3),
		                           .count = db_int(rows, 4) };
}

int quarantine_find_untold(struct db *db, int64_t after, struct quarantine_untold *out,
                           size_t limit)
{
	struct db_rows rows;
	int count = 0;
	int rc = db_query(db, &rows,
	                  UNTOLD " AND q.account_id > $1 AND q.account_id > 0"
	                         " GROUP BY q.account_id ORDER BY q.account_id LIMIT $2",
	                  "ii", after, (int64_t)limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		out[count++] = untold_of(&rows);
	db_end(&rows);
	return rc == -ENODATA ? count : rc;
}

int quarantine_get_untold(struct db *db, int64_t account_id, struct quarantine_untold *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, UNTOLD " AND q.account_id = $1 GROUP BY q.account_id", "i",
	                  account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = untold_of(&rows);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int quarantine_note_told(struct db *db, const struct quarantine_untold *u)
{
	int64_t told = 0;
	int rc = db_get_int(db, &told,
	                    "SELECT told_id FROM quarantine_digest WHERE account_id = $1", "i",
	                    u->account_id);
	if (rc < 0 && rc != -ENODATA)
		return rc;
	if (rc == 0 && told != u->told_id)
		return -EEXIST;
	return db_run(db,
	              "INSERT INTO quarantine_digest (account_id, told_id) VALUES ($1, $2)"
	              " ON CONFLICT (account_id) DO UPDATE SET told_id = $2",
	              "ii", u->account_id, u->last_id);
}

int64_t quarantine_slot(int64_t at_ms, int64_t interval_ms, unsigned hour, int offset_minutes)
{
	int64_t local_ms = at_ms + (int64_t)offset_minutes * 60000 - (int64_t)hour * 3600000;
	int64_t slot = local_ms / interval_ms;
	return local_ms % interval_ms < 0 ? slot - 1 : slot;
}
