#include "mailbox/text_index.h"

#include <errno.h>

enum {
	VERSION = 1,
	NEEDLE_TRIGRAMS_MAX = 64, /* of a long needle: the others can't rule out much more */
};

/* detail=none: which blobs, not where in them, a quarter of the size. What was found is looked at
 * anyway. The contents are nowhere in here, as the segments have them. */
static const char schema[] =
	"CREATE TABLE blob ("
	"  id     INTEGER PRIMARY KEY,"
	"  looked INTEGER NOT NULL" /* its words are in it */
	");"
	"CREATE INDEX blob_skipped ON blob (id) WHERE looked = 0;"
	"CREATE TABLE place ("
	"  blob_id    INTEGER NOT NULL,"
	"  mailbox_id INTEGER NOT NULL,"
	"  uid        INTEGER NOT NULL,"
	"  PRIMARY KEY (blob_id, mailbox_id, uid)"
	") WITHOUT ROWID;"
	"CREATE TABLE done ("
	"  mailbox_id   INTEGER PRIMARY KEY,"
	"  uid_validity INTEGER NOT NULL,"
	"  uid          INTEGER NOT NULL"
	");"
	"CREATE VIRTUAL TABLE words USING fts5"
	" (text, content = '', detail = none, columnsize = 0, tokenize = 'ascii');"
	"INSERT INTO words (words, rank) VALUES ('hashsize', 8388608)";

static const char *path_of(struct arena *arena, const char *dir, int64_t account_id)
{
	return arena_printf(arena, "%s/%lld.db", dir, (long long)account_id);
}

int text_index_open(const char *dir, int64_t account_id, bool change, struct side **out)
{
	struct arena *arena = arena_new();
	const struct side_config config = { .path = path_of(arena, dir, account_id),
		                            .version = VERSION,
		                            .schema = schema,
		                            .change = change };
	int rc = side_open(&config, out);
	arena_free(arena);
	return rc;
}

void text_index_remove(const char *dir, int64_t account_id)
{
	struct arena *arena = arena_new();
	side_remove(path_of(arena, dir, account_id));
	arena_free(arena);
}

uint64_t text_index_bytes(const char *dir, int64_t account_id)
{
	struct arena *arena = arena_new();
	uint64_t bytes = side_bytes(path_of(arena, dir, account_id));
	arena_free(arena);
	return bytes;
}

/* --- changes ------------------------------------------------------------------------- */

/* Runs a statement with the id of a blob and its words. */
static int run_with_words(struct db *db, const char *sql, int64_t blob_id,
                          const struct trigrams *words)
{
	struct buf text = buf_make(trigrams_count(words) * TRIGRAM_WORD_BYTES);
	int rc = trigrams_write(words, SIZE_MAX, &text);
	if (rc == 0)
		rc = db_run(db, sql, "it", blob_id, buf_slice(&text));
	buf_free(&text);
	return rc;
}

int text_index_add(struct db *db, int64_t blob_id, const struct trigrams *words)
{
	int rc = db_run(db, "INSERT INTO blob (id, looked) VALUES ($1, $2)", "ii", blob_id,
	                (int64_t)(words != NULL));
	if (rc != 0 || !words || trigrams_count(words) == 0)
		return rc;
	return run_with_words(db, "INSERT INTO words (rowid, text) VALUES ($1, $2)", blob_id,
	                      words);
}

int text_index_drop(struct db *db, int64_t blob_id, const struct trigrams *words)
{
	int rc = db_run(db, "DELETE FROM place WHERE blob_id = $1", "i", blob_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM blob WHERE id = $1", "i", blob_id);
	if (rc != 0 || !words || trigrams_count(words) == 0)
		return rc;
	return run_with_words(db,
	                      "INSERT INTO words (words, rowid, text) VALUES ('delete', $1, $2)",
	                      blob_id, words);
}

int text_index_place(struct db *db, int64_t blob_id, int64_t mailbox_id, uint32_t uid)
{
	return db_run(db,
	              "INSERT INTO place (blob_id, mailbox_id, uid) VALUES ($1, $2, $3)"
	              " ON CONFLICT DO NOTHING",
	              "iii", blob_id, mailbox_id, (int64_t)uid);
}

int text_index_displace(struct db *db, int64_t blob_id, int64_t mailbox_id, uint32_t uid)
{
	return db_run(db, "DELETE FROM place WHERE blob_id = $1 AND mailbox_id = $2 AND uid = $3",
	              "iii", blob_id, mailbox_id, (int64_t)uid);
}

int text_index_set_done(struct db *db, const struct text_index_mark *mark)
{
	return db_run(db,
	              "INSERT INTO done (mailbox_id, uid_validity, uid) VALUES ($1, $2, $3)"
	              " ON CONFLICT (mailbox_id) DO UPDATE SET uid_validity ="
	              " excluded.uid_validity, uid = excluded.uid",
	              "iii", mark->mailbox_id, (int64_t)mark->uid_validity, (int64_t)mark->uid);
}

/* --- reading ------------------------------------------------------------------------- */

int text_index_has(struct db *db, int64_t blob_id, bool *looked_into_out)
{
	int64_t looked;
	int rc = db_get_int(db, &looked, "SELECT looked FROM blob WHERE id = $1", "i", blob_id);
	if (rc == 0)
		*looked_into_out = looked;
	return rc;
}

int text_index_next_place(struct db *db, int64_t blob_id, int64_t *mailbox_id, uint32_t *uid)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT mailbox_id, uid FROM place WHERE blob_id = $1"
	                  " AND (mailbox_id, uid) > ($2, $3) ORDER BY mailbox_id, uid LIMIT 1",
	                  "iii", blob_id, *mailbox_id, (int64_t)*uid);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*mailbox_id = db_int(&rows, 0);
		*uid = (uint32_t)db_int(&rows, 1);
	}
	db_end(&rows);
	return rc;
}

int text_index_done(struct db *db, struct text_index_mark *mark)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT uid_validity, uid FROM done WHERE mailbox_id = $1",
	                  "i", mark->mailbox_id);
	if (rc == 0)
		rc = db_next(&rows);
	mark->uid_validity = rc == 0 ? (uint32_t)db_int(&rows, 0) : 0;
	mark->uid = rc == 0 ? (uint32_t)db_int(&rows, 1) : 0;
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Adds the UIDs that a query found. */
static int add_uids(struct arena *arena, struct db_rows *rows, int rc, struct uid_set *set)
{
	while (rc == 0 && (rc = db_next(rows)) == 0) {
		uint32_t uid = (uint32_t)db_int(rows, 0);
		uid_set_add(arena, set, uid, uid);
	}
	db_end(rows);
	return rc == -ENODATA ? 0 : rc;
}

int text_index_find(struct db *db, struct arena *arena, int64_t mailbox_id, struct slice needle,
                    struct uid_set *out)
{
	struct buf words = buf_make((size_t)NEEDLE_TRIGRAMS_MAX * TRIGRAM_WORD_BYTES);
	struct uid_set found = { 0 };
	struct db_rows rows;
	int rc = trigrams_of_needle(needle, NEEDLE_TRIGRAMS_MAX, &words);
	if (rc == 0) {
		rc = db_query(db, &rows,
		              "SELECT place.uid FROM words"
		              " CROSS JOIN place ON place.blob_id = words.rowid"
		              " AND place.mailbox_id = $2 WHERE words MATCH $1",
		              "ti", buf_slice(&words), mailbox_id);
		rc = add_uids(arena, &rows, rc, &found);
	}
	buf_free(&words);
	if (rc == 0) {
		rc = db_query(db, &rows,
		              "SELECT place.uid FROM blob INDEXED BY blob_skipped"
		              " CROSS JOIN place ON place.blob_id = blob.id"
		              " AND place.mailbox_id = $1 WHERE blob.looked = 0",
		              "i", mailbox_id);
		rc = add_uids(arena, &rows, rc, &found);
	}
	uid_set_sort(&found);
	if (rc == 0)
		*out = found;
	return rc;
}

int text_index_count(struct db *db, struct text_index_counts *out)
{
	int rc = db_get_int(db, &out->blobs, "SELECT count(*) FROM blob", "");
	if (rc != 0)
		return rc;
	return db_get_int(db, &out->skipped, "SELECT count(*) FROM blob WHERE looked = 0", "");
}
