/* SQL for closures: the common dialect of SQLite and PostgreSQL.
 *
 * Statements use $1, $2 ... for parameters, ON CONFLICT and RETURNING. The text must be a string
 * literal (or live as long as the process): prepared statements are cached by its address.
 * Parameters are described by a string, one letter each:
 *   i int64_t    t struct slice, text    b struct slice, bytes    s const char *, text or NULL
 *   n NULL (no argument)
 * Arguments are not converted: an int for `i` has to be cast. Empty slices are empty, not NULL.
 *
 *     struct db_rows rows;
 *     int rc = db_query(db, &rows, "SELECT id, name FROM mailbox WHERE account = $1", "i", id);
 *     while (rc == 0 && (rc = db_next(&rows)) == 0)
 *             use(db_int(&rows, 0), db_text(&rows, 1));
 *     db_end(&rows);
 *     if (rc != -ENODATA) return rc;
 *
 * A query that is open can't be opened again before its db_end(). A closure that expects a row to
 * be there already says ON CONFLICT: on PostgreSQL -EEXIST ends its transaction.
 *
 * Errors: -EEXIST a unique constraint, -ENOSPC, -EIO, -EINVAL a wrong statement (logged). */
#ifndef VEREDUS_STORE_DB_H
#define VEREDUS_STORE_DB_H

#include "base/arena.h"

struct db;

struct db_rows {
	void *statement;
	struct db *db;
};

/* Runs a statement to its end. */
int db_run(struct db *db, const char *sql, const char *types, ...);
/* Runs one and tells how many rows it changed. */
int db_change(struct db *db, int64_t *changed_out, const char *sql, const char *types, ...);
/* Runs an INSERT of one row that leaves its integer key to the database, and tells that. On SQLite
 * RETURNING would cost twice as much as the rest: it makes a temporary table each time. */
int db_insert(struct db *db, int64_t *id_out, const char *sql, const char *types, ...);
/* Runs one that gives at most one row with one integer; -ENODATA without a row. */
int db_get_int(struct db *db, int64_t *value_out, const char *sql, const char *types, ...);

int db_query(struct db *db, struct db_rows *rows, const char *sql, const char *types, ...);
/* 0: a row is there. -ENODATA: no more. */
int db_next(struct db_rows *rows);
/* Always call it; may be called after a failed db_query. */
void db_end(struct db_rows *rows);

/* Columns of the current row from 0; slices are valid until the next db_next or db_end. A NULL
 * gives 0 or the empty slice. */
int64_t db_int(const struct db_rows *rows, int column);
struct slice db_text(const struct db_rows *rows, int column);
struct slice db_bytes(const struct db_rows *rows, int column);
bool db_is_null(const struct db_rows *rows, int column);

#endif
