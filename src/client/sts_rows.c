/* Policies as rows. */
#include <errno.h>

#include "client/sts_internal.h"

/* A policy that nobody needed for so long is not kept up. */
#define UNUSED_MS (30 * 86400 * 1000LL)

static void read_row(const struct db_rows *rows, struct arena *arena, struct sts_row *out)
{
	*out = (struct sts_row){
		.id = arena_copy(arena, db_text(rows, 0)),
		.text = arena_copy(arena, db_text(rows, 1)),
		.fetched_ms = db_int(rows, 2),
		.expires_ms = db_int(rows, 3),
		.used_ms = db_int(rows, 4),
		.tried_ms = db_int(rows, 5),
	};
}

int sts_row_get(struct db *db, struct arena *arena, struct slice domain, struct sts_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, body, fetched_ms, expires_ms, used_ms, tried_ms"
	                  " FROM sts_policy WHERE domain = $1",
	                  "t", domain);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		read_row(&rows, arena, out);
	db_end(&rows);
	return rc;
}

int sts_row_put(struct db *db, struct slice domain, const struct sts_row *row)
{
	return db_run(
		db,
		"INSERT INTO sts_policy (domain, id, body, fetched_ms, expires_ms, used_ms,"
		" tried_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (domain) DO UPDATE"
		" SET id = excluded.id, body = excluded.body,"
		" fetched_ms = excluded.fetched_ms, expires_ms = excluded.expires_ms,"
		" used_ms = excluded.used_ms, tried_ms = excluded.tried_ms",
		"tttiiii", domain, row->id, row->text, row->fetched_ms, row->expires_ms,
		row->used_ms, row->tried_ms);
}

int sts_row_touch(struct db *db, struct slice domain, int64_t used_ms, int64_t tried_ms)
{
	return db_run(db, "UPDATE sts_policy SET used_ms = $2, tried_ms = $3 WHERE domain = $1",
	              "tii", domain, used_ms, tried_ms);
}

int sts_row_expire(struct db *db, int64_t now_ms)
{
	return db_run(db, "DELETE FROM sts_policy WHERE expires_ms <= $1", "i", now_ms);
}

int sts_row_due(struct db *db, struct sts_due *due)
{
	struct db_rows rows;
	/* Ahead of time: at the half of its life, or when it is as old as refresh says. */
	int rc = db_query(db, &rows,
	                  "SELECT id, body, fetched_ms, expires_ms, used_ms, tried_ms, domain"
	                  " FROM sts_policy WHERE expires_ms > $1 AND tried_ms <= $2"
	                  " AND used_ms > $3"
	                  " AND (fetched_ms <= $4 OR fetched_ms + expires_ms <= 2 * $1) LIMIT 1",
	                  "iiii", due->now_ms, due->now_ms - due->retry_ms, due->now_ms - UNUSED_MS,
	                  due->now_ms - due->refresh_ms);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		read_row(&rows, due->arena, &due->row);
		due->domain = arena_copy(due->arena, db_text(&rows, 6));
	}
	db_end(&rows);
	return rc;
}
