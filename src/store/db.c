#include "store/db.h"

#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "store/db_sqlite.h"
#include "store/db_vfs.h"

enum {
	PARAMETERS_MAX = 32, /* $1 to $32 */
	STATEMENTS_FIRST = 64,
	BUSY_TIMEOUT_MS = 10000,
};

struct db_statement {
	const char *sql; /* NULL: free */
	sqlite3_stmt *statement;
	unsigned char parameter_count;
	unsigned char index[PARAMETERS_MAX]; /* SQLite's own number of $1, $2 ...; 0: not used */
};

static bool means_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

static int constraint_error(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return -EEXIST;
	default:
		return -EINVAL;
	}
}

static int translate(struct db *db, int sqlite_error)
{
	switch (sqlite_error & 0xff) {
	case SQLITE_CONSTRAINT:
		return constraint_error(sqlite3_extended_errcode(db->sqlite));
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
		return -EBUSY;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		return means_full(sqlite3_system_errno(db->sqlite)) ? -ENOSPC : -EIO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EIO;
	default:
		return -EINVAL;
	}
}

int db_error(struct db *db, int sqlite_error, const char *sql)
{
	int error = translate(db, sqlite_error);
	if (error == -EEXIST)
		return error;
	if (error == -ENOSPC || error == -EIO || error == -ENOMEM)
		db->broken = error;
	if (error == -ENOSPC) /* told once for all by who commits */
		return error;
	log_error("store.sql", kv_error(error), kv_str("reason", sqlite3_errmsg(db->sqlite)),
	          kv_int("sqlite", sqlite3_extended_errcode(db->sqlite)), kv_str("sql", sql));
	return error;
}

/* --- connections --------------------------------------------------------------------- */

static const char settings[] = "PRAGMA page_size = 4096;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA wal_autocheckpoint = 0;" /* store_keep.c does it */
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA secure_delete = FAST;" /* no pages for it alone */
			       "PRAGMA foreign_keys = OFF;";

static const char *const own_settings[] = {
	[DB_WRITE] = "PRAGMA cache_size = -32768",
	[DB_READ] = "PRAGMA query_only = ON; PRAGMA cache_size = -4096",
	[DB_LOOK] = "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096",
};

int db_open(const char *path, enum db_mode mode, struct db **out)
{
	int flags = SQLITE_OPEN_NOMUTEX;
	flags |= mode == DB_LOOK ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	struct db *db = mem_zero(1, sizeof(*db));
	const char *vfs = mode == DB_WRITE ? db_vfs_gathering() : NULL;
	int rc = sqlite3_open_v2(path, &db->sqlite, flags, vfs);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK && mode != DB_LOOK)
		rc = sqlite3_exec(db->sqlite, settings, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->sqlite, own_settings[mode], NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		int error = sqlite3_system_errno(db->sqlite) == ENOENT ? -ENOENT
		                                                       : db_error(db, rc, path);
		db_close(db);
		return error;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->statement_capacity; i++)
		sqlite3_finalize(db->statements[i].statement);
	free(db->statements);
	sqlite3_close(db->sqlite);
	free(db);
}

bool db_in_transaction(const struct db *db) { return !sqlite3_get_autocommit(db->sqlite); }

int db_execute_once(struct db *db, const char *sql)
{
	int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_error(db, rc, sql);
}

/* --- prepared statements ------------------------------------------------------------- */

static size_t slot_of(const struct db *db, const char *sql)
{
	uint64_t mixed = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u;
	size_t mask = db->statement_capacity - 1;
	size_t slot = (size_t)(mixed >> 32) & mask;
	while (db->statements[slot].sql && db->statements[slot].sql != sql)
		slot = (slot + 1) & mask;
	return slot;
}

static void grow_statements(struct db *db)
{
	struct db_statement *old = db->statements;
	size_t old_capacity = db->statement_capacity;
	db->statement_capacity = old_capacity ? old_capacity * 2 : STATEMENTS_FIRST;
	db->statements = mem_zero(db->statement_capacity, sizeof(*db->statements));
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i].sql)
			db->statements[slot_of(db, old[i].sql)] = old[i];
	}
	free(old);
}

/* SQLite numbers $1, $2 ... in the order in which they appear, so they are found by name. */
static bool number_parameters(struct db_statement *s)
{
	int count = sqlite3_bind_parameter_count(s->statement);
	for (int i = 1; i <= count; i++) {
		uint64_t number;
		const char *name = sqlite3_bind_parameter_name(s->statement, i);
		if (!name || name[0] != '$' || !slice_to_u64(slice_from_str(name + 1), &number) ||
		    number == 0 || number > PARAMETERS_MAX)
			return false;
		s->index[number - 1] = (unsigned char)i;
		if (number > s->parameter_count)
			s->parameter_count = (unsigned char)number;
	}
	return true;
}

static int wrong(const char *sql, const char *why)
{
	log_error("store.sql", kv_error(-EINVAL), kv_str("reason", why), kv_str("sql", sql));
	return -EINVAL;
}

static int prepare(struct db *db, const char *sql, struct db_statement *out)
{
	struct db_statement s = { .sql = sql };
	int rc = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &s.statement,
	                            NULL);
	if (rc != SQLITE_OK)
		return db_error(db, rc, sql);
	if (!s.statement || !number_parameters(&s)) {
		sqlite3_finalize(s.statement);
		return wrong(sql, "parameters are $1 to $32");
	}
	*out = s;
	return 0;
}

static int find_statement(struct db *db, const char *sql, struct db_statement **out)
{
	if ((db->statement_count + 1) * 2 > db->statement_capacity)
		grow_statements(db);
	struct db_statement *s = &db->statements[slot_of(db, sql)];
	if (!s->sql) {
		int rc = prepare(db, sql, s);
		if (rc != 0)
			return rc;
		db->statement_count++;
	} else if (strcmp(sqlite3_sql(s->statement), sql) != 0) {
		return wrong(sql, "the text of a statement must be a literal");
	} else if (sqlite3_stmt_busy(s->statement)) {
		return wrong(sql, "this query is already open");
	}
	*out = s;
	return 0;
}

/* --- parameters ---------------------------------------------------------------------- */

/* keep: the bytes must stay there until the statement is reset; else SQLite copies them. */
static int bind_one(sqlite3_stmt *statement, int index, char type, bool keep, va_list *args)
{
	sqlite3_destructor_type how = keep ? SQLITE_STATIC : SQLITE_TRANSIENT;
	struct slice bytes;
	const char *text;
	switch (type) {
	case 'i':
		return sqlite3_bind_int64(statement, index, va_arg(*args, int64_t));
	case 't':
		bytes = va_arg(*args, struct slice);
		return sqlite3_bind_text64(statement, index, bytes.data ? bytes.data : "",
		                           bytes.len, how, SQLITE_UTF8);
	case 'b':
		bytes = va_arg(*args, struct slice);
		return sqlite3_bind_blob64(statement, index, bytes.data ? bytes.data : "",
		                           bytes.len, how);
	case 's':
		text = va_arg(*args, const char *);
		return sqlite3_bind_text(statement, index, text, -1, how);
	case 'n':
		return sqlite3_bind_null(statement, index);
	default:
		return SQLITE_MISUSE;
	}
}

static int bind_all(struct db *db, struct db_statement *s, bool keep, const char *types,
                    va_list *args)
{
	if (strlen(types) != s->parameter_count)
		return wrong(s->sql, "as many types as parameters are needed");
	for (int i = 0; i < s->parameter_count; i++) {
		if (!s->index[i])
			return wrong(s->sql, "a parameter is left out");
		int rc = bind_one(s->statement, s->index[i], types[i], keep, args);
		if (rc != SQLITE_OK)
			return db_error(db, rc, s->sql);
	}
	return 0;
}

static int start(struct db *db, const char *sql, bool keep, const char *types, va_list *args,
                 sqlite3_stmt **out)
{
	struct db_statement *s = NULL;
	int rc = find_statement(db, sql, &s);
	if (rc == 0)
		rc = bind_all(db, s, keep, types, args);
	if (rc == 0)
		*out = s->statement;
	return rc;
}

/* --- running ------------------------------------------------------------------------- */

static int finish(struct db *db, sqlite3_stmt *statement, int rc)
{
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(statement);
	int error = rc == SQLITE_DONE ? 0 : db_error(db, rc, sqlite3_sql(statement));
	sqlite3_reset(statement);
	return error;
}

int db_run(struct db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;
	va_start(args, types);
	int rc = start(db, sql, true, types, &args, &statement);
	va_end(args);
	return rc != 0 ? rc : finish(db, statement, sqlite3_step(statement));
}

int db_execute(struct db *db, const char *sql) { return db_run(db, sql, ""); }

int db_change(struct db *db, int64_t *changed_out, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;
	va_start(args, types);
	int rc = start(db, sql, true, types, &args, &statement);
	va_end(args);
	if (rc == 0)
		rc = finish(db, statement, sqlite3_step(statement));
	if (rc == 0)
		*changed_out = sqlite3_changes64(db->sqlite);
	return rc;
}

int db_insert(struct db *db, int64_t *id_out, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;
	va_start(args, types);
	int rc = start(db, sql, true, types, &args, &statement);
	va_end(args);
	if (rc == 0)
		rc = finish(db, statement, sqlite3_step(statement));
	if (rc == 0)
		*id_out = sqlite3_last_insert_rowid(db->sqlite);
	return rc;
}

int db_get_int(struct db *db, int64_t *value_out, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;
	va_start(args, types);
	int rc = start(db, sql, true, types, &args, &statement);
	va_end(args);
	if (rc != 0)
		return rc;
	int step = sqlite3_step(statement);
	bool found = step == SQLITE_ROW;
	int64_t value = found ? sqlite3_column_int64(statement, 0) : 0;
	rc = finish(db, statement, step);
	if (rc != 0)
		return rc;
	if (!found)
		return -ENODATA;
	*value_out = value;
	return 0;
}

int db_query(struct db *db, struct db_rows *rows, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list args;
	*rows = (struct db_rows){ .db = db };
	va_start(args, types);
	int rc = start(db, sql, false, types, &args, &statement);
	va_end(args);
	if (rc == 0)
		rows->statement = statement;
	return rc;
}

int db_next(struct db_rows *rows)
{
	int rc = sqlite3_step(rows->statement);
	if (rc == SQLITE_ROW)
		return 0;
	return rc == SQLITE_DONE ? -ENODATA : db_error(rows->db, rc, sqlite3_sql(rows->statement));
}

void db_end(struct db_rows *rows)
{
	if (rows->statement)
		sqlite3_reset(rows->statement);
	rows->statement = NULL;
}

int64_t db_int(const struct db_rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement, column);
}

/* The bytes are asked for before their length: SQLite may convert on the first call. */
struct slice db_text(const struct db_rows *rows, int column)
{
	const void *data = sqlite3_column_text(rows->statement, column);
	return data ? slice_of(data, (size_t)sqlite3_column_bytes(rows->statement, column))
	            : SLICE_EMPTY;
}

struct slice db_bytes(const struct db_rows *rows, int column)
{
	const void *data = sqlite3_column_blob(rows->statement, column);
	return data ? slice_of(data, (size_t)sqlite3_column_bytes(rows->statement, column))
	            : SLICE_EMPTY;
}

bool db_is_null(const struct db_rows *rows, int column)
{
	return sqlite3_column_type(rows->statement, column) == SQLITE_NULL;
}
