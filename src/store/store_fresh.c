/* Fresh blobs: what a small group brings lies beside its rows at first, so that one sync makes both
 * durable. A keeper carries it over into the segments soon, many at a time: then it is read, kept
 * and collected as all others are.
 *
 *   1. A blob is fresh while its row names segment 0; its bytes and its note are then in
 * fresh_blob.
 *   2. It is settled even when it has become garbage, so that each id that was given out is found
 *      in a segment or in a row, and not given out again. */
#include <errno.h>

#include "base/buf.h"
#include "base/log.h"
#include "store/store_internal.h"

enum {
	SETTLE_BLOBS = 128, /* a commit */
	SETTLE_BYTES = 1 << 20,
	SETTLE_MS = 1000,
	RETRY_MS = 2000,
};

/* --- writing and reading -------------------------------------------------------------- */

int fresh_write(struct db *db, const struct store_blob *b)
{
	struct buf bytes = buf_make(b->own.length);
	for (size_t i = 0; i < b->part_count; i++)
		buf_append(&bytes, b->parts[i]);
	int rc = db_run(db, "INSERT INTO fresh_blob (blob_id, note, bytes) VALUES ($1, $2, $3)",
	                "ibb", b->id, b->note, buf_slice(&bytes));
	buf_free(&bytes);
	return rc;
}

int fresh_read(struct db *db, int64_t blob_id, struct blob_view *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT bytes FROM fresh_blob WHERE blob_id = $1", "i",
	                  blob_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = blob_view_copy(db_bytes(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -EBADMSG : rc;
}

/* --- settling ------------------------------------------------------------------------- */

struct settling {
	struct arena *arena;
	struct slice bytes[SETTLE_BLOBS];
	struct store_blob blobs[SETTLE_BLOBS];
	size_t count;
};

static int gather(struct db *db, void *arg)
{
	struct settling *g = arg;
	struct db_rows rows;
	size_t size = 0;
	int rc = db_query(db, &rows, "SELECT blob_id, note, bytes FROM fresh_blob ORDER BY blob_id",
	                  "");
	g->count = 0;
	while (rc == 0 && g->count < SETTLE_BLOBS && size < SETTLE_BYTES &&
	       (rc = db_next(&rows)) == 0) {
		g->bytes[g->count] = arena_copy(g->arena, db_bytes(&rows, 2));
		g->blobs[g->count] = (struct store_blob){
			.id = db_int(&rows, 0),
			.parts = &g->bytes[g->count],
			.part_count = 1,
			.note = arena_copy(g->arena, db_bytes(&rows, 1)),
		};
		size += g->bytes[g->count++].len;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int forget(struct db *db, void *arg)
{
	const struct settling *g = arg;
	return db_run(db, "DELETE FROM fresh_blob WHERE blob_id >= $1 AND blob_id <= $2", "ii",
	              g->blobs[0].id, g->blobs[g->count - 1].id);
}

int store_settle(struct store *s, uint64_t *settled_out)
{
	struct settling *g = mem_zero(1, sizeof(*g));
	int rc;
	*settled_out = 0;
	g->arena = arena_new();
	do {
		arena_reset(g->arena);
		rc = store_read(s, gather, g);
		if (rc == 0 && g->count > 0)
			rc = store_commit_moved(s, g->blobs, g->count, forget, g);
		*settled_out += rc == 0 ? g->count : 0;
	} while (rc == 0 && g->count > 0);
	arena_free(g->arena);
	free(g);
	return rc;
}

/* The first at once, what comes then once a second. */
int64_t store_settle_some(struct store *s)
{
	uint64_t settled;
	int rc = store_settle(s, &settled);
	if (rc == 0)
		return settled > 0 ? SETTLE_MS : -1;
	if (rc != -ENOSPC && !store_failed(s))
		log_warn("store.settle", kv_error(rc), kv_str("dir", s->dir));
	return RETRY_MS;
}
