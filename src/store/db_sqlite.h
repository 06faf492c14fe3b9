/* A connection to the SQLite database: what a struct db is, inside the store.
 *
 * A connection is used by one thread at a time. Statements are prepared once a connection and
 * found again by the address of their text. */
#ifndef VEREDUS_STORE_DB_SQLITE_H
#define VEREDUS_STORE_DB_SQLITE_H

#include <sqlite3.h>

#include "store/db.h"
#include "store/store.h"

enum db_mode {
	DB_WRITE,
	DB_READ,
	DB_LOOK, /* at a database that nobody writes to: a backup */
};

struct db_statement;

struct db {
	sqlite3 *sqlite;
	struct db_statement *statements; /* a hash table with open addressing */
	size_t statement_count;
	size_t statement_capacity;
	/* An error that no closure can make good (disk full, I/O): whatever the closure returns
	 * then, its change is not kept. */
	int broken;
	/* The blobs that the running closure brought. */
	struct store_blob *blobs;
	size_t blob_count;
	struct db *next_free; /* of a pool */
};

/* -ENOENT: there is none. Sets nothing but what a connection needs to be safe. */
int db_open(const char *path, enum db_mode mode, struct db **out);
void db_close(struct db *db);

/* BEGIN and the like, and pragmas that give no rows or whose rows don't matter. */
int db_execute(struct db *db, const char *sql);
/* Runs several statements in a row that are executed only once: not kept. */
int db_execute_once(struct db *db, const char *sql);
/* True if the transaction that was begun is still there: some errors end it. */
bool db_in_transaction(const struct db *db);
/* A negative errno for what SQLite answered; logs what an operator or a programmer must know. */
int db_error(struct db *db, int sqlite_error, const char *sql);

#endif
