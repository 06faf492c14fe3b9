#include "queue/call_ahead.h"

#include <errno.h>

int call_ahead_find(struct db *db, struct arena *arena, struct slice address,
                    struct call_ahead_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT known, asked_ms, reply FROM call_ahead WHERE address = $1", "t",
	                  address);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = (struct call_ahead_row){ .known = db_int(&rows, 0) != 0,
			                        .asked_ms = db_int(&rows, 1),
			                        .reply = arena_copy(arena, db_text(&rows, 2)) };
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int call_ahead_put(struct db *db, struct slice address, const struct call_ahead_row *row)
{
	int64_t id = 0;
	int rc = db_run(db, "DELETE FROM call_ahead WHERE address = $1", "t", address);
	if (rc == 0)
		rc = db_insert(db, &id,
		               "INSERT INTO call_ahead (address, known, asked_ms, reply)"
		               " VALUES ($1, $2, $3, $4)",
		               "tiit", address, (int64_t)row->known, row->asked_ms, row->reply);
	if (rc < 0)
		return rc;
	return db_run(db, "DELETE FROM call_ahead WHERE id <= $1", "i", id - CALL_AHEAD_ROWS_MAX);
}

int call_ahead_forget(struct db *db, struct slice domain, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "DELETE FROM call_ahead WHERE $1 = ''"
	                 " OR substr(address, length(address) - length($1)) = '@' || $1",
	                 "t", domain);
}
