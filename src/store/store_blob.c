#include <errno.h>

#include "base/log.h"
#include "store/store_internal.h"

/* --- references, inside a commit ------------------------------------------------------ */

static struct store_blob *find_own(struct db *db, int64_t blob_id)
{
	for (size_t i = 0; i < db->blob_count; i++) {
		if (db->blobs[i].id == blob_id)
			return &db->blobs[i];
	}
	return NULL;
}

int blob_retain(struct db *db, int64_t blob_id, int64_t count)
{
	struct store_blob *own = find_own(db, blob_id);
	if (own) {
		own->own.refs += count;
		return 0;
	}
	int64_t changed;
	int rc = db_change(db, &changed, "UPDATE blob SET refs = refs + $2 WHERE id = $1", "ii",
	                   blob_id, count);
	if (rc != 0)
		return rc;
	return changed == 1 ? 0 : -ENOENT;
}

int blob_release(struct db *db, int64_t blob_id, int64_t count)
{
	struct store_blob *own = find_own(db, blob_id);
	if (own) {
		own->own.refs -= count;
		return own->own.refs < 0 ? -EINVAL : 0;
	}
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE blob SET refs = refs - $2 WHERE id = $1 AND refs >= $2", "ii",
	                   blob_id, count);
	if (rc != 0)
		return rc;
	return changed == 1 ? 0 : -ENOENT;
}

static int write_row(struct db *db, const struct store_blob *b)
{
	if (b->own.refs == 0)
		return 0;
	int rc = b->own.segment == 0 ? fresh_write(db, b) : 0;
	if (rc != 0)
		return rc;
	return db_run(db,
	              "INSERT INTO blob (id, segment, position, length, refs)"
	              " VALUES ($1, $2, $3, $4, $5)",
	              "iiiii", b->id, (int64_t)b->own.segment, (int64_t)b->own.position,
	              (int64_t)b->own.length, b->own.refs);
}

static int move_row(struct db *db, const struct store_blob *b)
{
	if (b->own.plain_length == 0)
		return db_run(db, "UPDATE blob SET segment = $2, position = $3 WHERE id = $1",
		              "iii", b->id, (int64_t)b->own.segment, (int64_t)b->own.position);
	return db_run(db,
	              "UPDATE blob SET segment = $2, position = $3, length = $4,"
	              " plain_length = $5 WHERE id = $1",
	              "iiiii", b->id, (int64_t)b->own.segment, (int64_t)b->own.position,
	              (int64_t)b->own.length, (int64_t)b->own.plain_length);
}

int store_write_blob_rows(struct db *db, const struct store_blob *blobs, size_t count, bool moves)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = moves ? move_row(db, &blobs[i]) : write_row(db, &blobs[i]);
	return rc;
}

int blob_adopt(struct db *db, const struct segment_record *record, bool *known_out)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM blob WHERE id = $1", "i",
	                    record->blob_id);
	if (rc != 0)
		return rc;
	*known_out = count > 0;
	if (record->form == RECORD_PLAIN)
		return db_run(db,
		              "INSERT INTO blob (id, segment, position, length, refs)"
		              " VALUES ($1, $2, $3, $4, 0) ON CONFLICT (id) DO UPDATE"
		              " SET segment = excluded.segment, position = excluded.position,"
		              " length = excluded.length, plain_length = NULL",
		              "iiii", record->blob_id, (int64_t)record->segment,
		              (int64_t)record->offset, (int64_t)record->stored_bytes);
	return db_run(db,
	              "INSERT INTO blob (id, segment, position, length, refs, plain_length)"
	              " VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (id) DO UPDATE"
	              " SET segment = excluded.segment, position = excluded.position,"
	              " length = excluded.length, plain_length = excluded.plain_length",
	              "iiiii", record->blob_id, (int64_t)record->segment, (int64_t)record->offset,
	              (int64_t)record->stored_bytes, (int64_t)record->bytes.len);
}

/* --- reading ------------------------------------------------------------------------- */

struct wanted_blob {
	int64_t id;
	struct segment_place place; /* segment 0: it is fresh */
	uint64_t length;
	struct blob_view *fresh;
};

static int find_blob(struct db *db, void *arg)
{
	struct wanted_blob *w = arg;
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT segment, position, length FROM blob WHERE id = $1",
	                  "i", w->id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		w->place.segment = (uint32_t)db_int(&rows, 0);
		w->place.position = (uint64_t)db_int(&rows, 1);
		w->length = (uint64_t)db_int(&rows, 2);
	}
	db_end(&rows);
	if (rc == 0 && w->place.segment == 0)
		rc = fresh_read(db, w->id, w->fresh);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* The collector may move a blob and remove its segment between the look-up and the reading; then
 * the row has a new place. */
static int find_and_read(struct store *s, int64_t blob_id, struct wanted_blob *wanted,
                         struct blob_view *out)
{
	uint32_t tried;
	int rc;
	do {
		tried = wanted->place.segment;
		rc = store_read(s, find_blob, wanted);
		if (rc != 0 || wanted->place.segment == 0)
			return rc;
		if (wanted->place.segment == tried)
			return -EBADMSG;
		rc = segment_files_read(s->files, wanted->place, (uint64_t)blob_id, wanted->length,
		                        out);
	} while (rc == -ENOENT);
	return rc;
}

int blob_open(struct store *s, int64_t blob_id, struct blob_view *out)
{
	struct wanted_blob wanted = { .id = blob_id, .fresh = out };
	int rc = find_and_read(s, blob_id, &wanted, out);
	if (rc != 0 && rc != -ENOENT)
		log_error("store.blob", kv_error(rc), kv_int("blob", blob_id),
		          kv_int("segment", wanted.place.segment),
		          kv_int("position", (int64_t)wanted.place.position));
	return rc;
}

int blob_open_at(struct store *s, int64_t blob_id, const struct blob_place *place,
                 struct blob_view *out)
{
	const struct segment_place at = { .segment = place->segment, .position = place->position };
	/* Anything but success may come of a blob that was moved meanwhile. */
	if (at.segment > 0 &&
	    segment_files_read(s->files, at, (uint64_t)blob_id, place->length, out) == 0)
		return 0;
	return blob_open(s, blob_id, out);
}
