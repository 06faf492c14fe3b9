#include "mailbox/mailbox_keep.h"

#include <errno.h>

#include "mailbox/annotation.h"
#include "mailbox/key_row.h"
#include "mailbox/mailbox_rows.h"
#include "mailbox/mailbox_seen.h"

enum {
	FORGET_CHUNKS = 256,
	FORGET_MESSAGES = 512,
};

/* --- keeping ------------------------------------------------------------------------- */

int keep_messages(struct db *db, int64_t mailbox_id, const struct flag_pack *p, uint64_t bytes,
                  int64_t at_ms)
{
	char data[PACK_BYTES_MAX];
	return db_run(db,
	              "INSERT INTO expunged_chunk (mailbox_id, number, at_ms, count, bytes, data)"
	              " VALUES ($1, $2, $3, $4, $5, $6)",
	              "iiiiib", mailbox_id, (int64_t)p->number, at_ms, (int64_t)p->count,
	              (int64_t)bytes, pack_encode(p, data));
}

/* The bytes of the mailbox are those of its records together; how they are spread is not known
 * without a look at each message. */
int keep_all(struct db *db, int64_t mailbox_id, int64_t at_ms)
{
	int64_t first = pack_key(mailbox_id, 0);
	int64_t last = pack_key(mailbox_id, pack_number(UINT32_MAX));
	int rc = db_run(db,
	                "INSERT INTO expunged_chunk (mailbox_id, number, at_ms, count, bytes, data)"
	                " SELECT $1, id - $2, $4, 0,"
	                " (SELECT size_bytes FROM mailbox WHERE id = $1) / (SELECT count(*)"
	                " FROM flag_chunk WHERE id >= $2 AND id <= $3) + 1, data FROM flag_chunk"
	                " WHERE id >= $2 AND id <= $3",
	                "iiii", mailbox_id, first, last, at_ms);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM flag_chunk WHERE id >= $1 AND id <= $2", "ii", first,
		            last);
	if (rc == 0 && at_ms == 0)
		rc = db_run(db, "UPDATE expunged_chunk SET at_ms = 0 WHERE mailbox_id = $1", "i",
		            mailbox_id);
	return rc;
}

/* --- chunks -------------------------------------------------------------------------- */

struct chunk {
	int64_t id, mailbox_id, at_ms, bytes;
	struct flag_pack pack;
};

static int take_chunk(const struct db_rows *rows, struct chunk *out)
{
	out->id = db_int(rows, 0);
	out->mailbox_id = db_int(rows, 1);
	out->at_ms = db_int(rows, 2);
	out->bytes = db_int(rows, 3);
	out->pack.number = (uint32_t)db_int(rows, 4);
	return pack_decode(db_bytes(rows, 5), &out->pack);
}

/* -ENOENT: it is gone. */
static int load_chunk(struct db *db, int64_t id, struct chunk *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, mailbox_id, at_ms, bytes, number, data FROM expunged_chunk"
	                  " WHERE id = $1",
	                  "i", id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		rc = take_chunk(&rows, out);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* Writes what is left of it. */
static int save_chunk(struct db *db, const struct chunk *c)
{
	char data[PACK_BYTES_MAX];
	if (c->pack.count == 0)
		return db_run(db, "DELETE FROM expunged_chunk WHERE id = $1", "i", c->id);
	return db_run(db,
	              "UPDATE expunged_chunk SET count = $2, bytes = $3, data = $4 WHERE id = $1",
	              "iiib", c->id, (int64_t)c->pack.count, c->bytes > 0 ? c->bytes : (int64_t)0,
	              pack_encode(&c->pack, data));
}

/* A row of message, with what its columns hold in the arena. */
struct kept_row {
	struct mailbox_new_message new;
	bool knows_references;
};

static int load_row(struct db *db, struct arena *arena, int64_t key, struct kept_row *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT blob_id, size_bytes, internal_ms, envelope, body_structure,"
	                  " ref_ids FROM message WHERE id = $1",
	                  "i", key);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		out->new = (struct mailbox_new_message){
			.blob_id = db_int(&rows, 0),
			.size_bytes = (uint64_t)db_int(&rows, 1),
			.internal_ms = db_int(&rows, 2),
			.envelope = arena_copy(arena, db_bytes(&rows, 3)),
			.bodystructure = arena_copy(arena, db_bytes(&rows, 4)),
			.references = arena_copy(arena, db_bytes(&rows, 5)),
		};
		out->knows_references = !db_is_null(&rows, 5);
	}
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* --- listing ------------------------------------------------------------------------- */

struct listing {
	struct db *db;
	int64_t account_id;
	struct arena *arena;
	struct chunk chunk; /* that is listed */
	int (*visit)(const struct mailbox_kept *kept, void *arg);
	void *arg;
};

static int list_chunk(struct listing *l, const struct chunk *c, struct mailbox_kept *kept)
{
	int rc = 0;
	kept->chunk = c->id;
	kept->mailbox_id = c->mailbox_id;
	kept->expunged_ms = c->at_ms;
	for (uint32_t i = 0; i < c->pack.count && rc >= 0; i++) {
		struct kept_row row;
		uint32_t uid = pack_uid(&c->pack, i);
		rc = load_row(l->db, l->arena, message_key(c->mailbox_id, uid), &row);
		const struct mailbox_message message = { .uid = uid,
			                                 .blob_id = row.new.blob_id,
			                                 .size_bytes = row.new.size_bytes,
			                                 .internal_ms = row.new.internal_ms,
			                                 .envelope = row.new.envelope };
		kept->message = &message;
		rc = rc == -ENOENT ? 0 : rc == 0 ? l->visit(kept, l->arg) : rc;
		kept->message = NULL;
	}
	return rc;
}

static int list_chunks(struct listing *l, struct db_rows *rows, int rc, int *count)
{
	while (rc == 0 && (rc = db_next(rows)) == 0) {
		rc = take_chunk(rows, &l->chunk);
		struct mailbox_kept kept = {
			.folder = arena_copy(l->arena, db_text(rows, 6)),
			.folder_gone = db_int(rows, 7),
		};
		if (rc == 0)
			rc = list_chunk(l, &l->chunk, &kept);
		rc = rc > 0 ? 0 : rc;
		arena_reset(l->arena);
		++*count;
	}
	return rc == -ENODATA ? 0 : rc;
}

int mailbox_each_kept(struct db *db, int64_t account_id, int64_t after_chunk,
                      int (*visit)(const struct mailbox_kept *kept, void *arg), void *arg)
{
	struct listing l = {
		.db = db, .account_id = account_id, .arena = arena_new(), .visit = visit, .arg = arg
	};
	struct db_rows rows;
	int count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT e.id, e.mailbox_id, e.at_ms, e.bytes, e.number, e.data,"
	                  " CASE m.account_id WHEN 0 THEN m.gone_name ELSE m.name END,"
	                  " m.account_id = 0 FROM expunged_chunk e JOIN mailbox m"
	                  " ON m.id = e.mailbox_id WHERE e.id > $2 AND e.at_ms > 0 AND"
	                  " (m.account_id = $1 OR (m.account_id = 0 AND m.gone_account = $1))"
	                  " ORDER BY e.id LIMIT $3",
	                  "iii", account_id, after_chunk, (int64_t)KEPT_CHUNKS_AT_ONCE);
	rc = list_chunks(&l, &rows, rc, &count);
	db_end(&rows);
	arena_free(l.arena);
	return rc == 0 ? count == KEPT_CHUNKS_AT_ONCE : rc;
}

/* --- bringing back ------------------------------------------------------------------- */

/* The flags of one mailbox as another has them. */
struct flag_map {
	struct slice names[MAILBOX_KEYWORD_MAX];
	uint64_t to[MAILBOX_KEYWORD_MAX];
};

static int load_names(struct db *db, struct arena *arena, int64_t mailbox_id, struct flag_map *map)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT number, name FROM keyword WHERE mailbox_id = $1", "i",
	                  mailbox_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t number = db_int(&rows, 0);
		if (number >= 0 && number < MAILBOX_KEYWORD_MAX)
			map->names[number] = arena_copy(arena, db_text(&rows, 1));
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Keywords that the target has no room for are left out, as in a copy. \Deleted is not brought
 * back: the next expunge would take the message away again. */
static int map_flags(struct db *db, struct flag_map *map, int64_t to_id, uint64_t flags,
                     uint64_t *out)
{
	*out = flags & (FLAG_KEYWORD(0) - 1) & ~(uint64_t)FLAG_DELETED;
	for (uint64_t left = flags >> FLAG_KEYWORD_SHIFT; left; left &= left - 1) {
		int number = __builtin_ctzll(left);
		int rc = 0;
		if (map->to[number] == 0 && map->names[number].len > 0)
			rc = mailbox_get_keyword(db, to_id, map->names[number], &map->to[number]);
		if (rc != 0 && rc != -ENFILE)
			return rc;
		*out |= map->to[number];
	}
	return 0;
}

static int bring_back(struct db *db, struct arena *arena, struct chunk *c, uint32_t index,
                      int64_t to_id, struct flag_map *map)
{
	struct kept_row row;
	uint32_t uid;
	int64_t key = message_key(c->mailbox_id, pack_uid(&c->pack, index));
	int rc = load_row(db, arena, key, &row);
	if (rc == 0)
		rc = map_flags(db, map, to_id, c->pack.flags[index], &row.new.flags);
	if (rc == 0)
		rc = mailbox_append(db, to_id, &row.new, &uid);
	if (rc == 0 && !row.knows_references)
		rc = db_run(db, "UPDATE message SET ref_ids = NULL WHERE id = $1", "i",
		            message_key(to_id, uid));
	if (rc == 0)
		rc = db_run(db, "DELETE FROM message WHERE id = $1", "i", key);
	if (rc == 0)
		rc = blob_release(db, row.new.blob_id, 1);
	c->bytes -= rc == 0 ? (int64_t)row.new.size_bytes : 0;
	return rc;
}

static int bring_back_some(struct db *db, struct arena *arena, struct chunk *c,
                           const struct uid_set *uids, int64_t to_id, uint64_t *count)
{
	struct flag_map *map = ARENA_NEW(arena, struct flag_map);
	uint32_t left = 0;
	int rc = load_names(db, arena, c->mailbox_id, map);
	for (uint32_t i = 0; i < c->pack.count && rc == 0; i++) {
		if (uid_set_has(uids, pack_uid(&c->pack, i))) {
			rc = bring_back(db, arena, c, i, to_id, map);
			++*count;
			continue;
		}
		c->pack.offsets[left] = c->pack.offsets[i];
		c->pack.flags[left] = c->pack.flags[i];
		c->pack.mod_seqs[left++] = c->pack.mod_seqs[i];
	}
	c->pack.count = left;
	return rc == 0 ? save_chunk(db, c) : rc;
}

int mailbox_undelete(struct db *db, int64_t chunk, const struct uid_set *uids, int64_t to_id,
                     uint64_t *count_out)
{
	struct arena *arena = arena_new();
	struct chunk *c = ARENA_NEW(arena, struct chunk);
	uint64_t count = 0;
	int rc = load_chunk(db, chunk, c);
	if (rc == 0)
		rc = bring_back_some(db, arena, c, uids, to_id, &count);
	arena_free(arena);
	if (rc == 0)
		*count_out = count;
	return rc;
}

/* --- forgetting ---------------------------------------------------------------------- */

struct batch {
	struct arena *arena;
	struct chunk chunk; /* that is looked at */
	int64_t before_ms;
	int64_t chunks[FORGET_CHUNKS];
	size_t chunk_count;
	struct mailbox_gone gone[FORGET_MESSAGES + PACK_UIDS];
	size_t count;
};

static int note_gone(struct db *db, struct batch *b, const struct chunk *c)
{
	int rc = 0;
	for (uint32_t i = 0; i < c->pack.count && rc == 0; i++) {
		struct kept_row row;
		uint32_t uid = pack_uid(&c->pack, i);
		rc = load_row(db, b->arena, message_key(c->mailbox_id, uid), &row);
		if (rc == 0)
			b->gone[b->count++] =
				(struct mailbox_gone){ .mailbox_id = c->mailbox_id,
				                       .uid = uid,
				                       .blob_id = row.new.blob_id,
				                       .size_bytes = row.new.size_bytes,
				                       .envelope = row.new.envelope };
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

static int find_some(struct db *db, void *arg)
{
	struct batch *b = arg;
	struct db_rows rows;
	b->chunk_count = b->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT id, mailbox_id, at_ms, bytes, number, data FROM expunged_chunk"
	                  " WHERE at_ms < $1 ORDER BY at_ms LIMIT $2",
	                  "ii", b->before_ms, (int64_t)FORGET_CHUNKS);
	while (rc == 0 && b->count < FORGET_MESSAGES && b->chunk_count < FORGET_CHUNKS &&
	       (rc = db_next(&rows)) == 0) {
		rc = take_chunk(&rows, &b->chunk);
		if (rc == 0)
			rc = note_gone(db, b, &b->chunk);
		b->chunks[b->chunk_count++] = b->chunk.id;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int forget_chunk(struct db *db, struct chunk *c, int64_t id)
{
	int64_t blob_id;
	int rc = load_chunk(db, id, c);
	if (rc != 0)
		return rc == -ENOENT ? 0 : rc;
	for (uint32_t i = 0; i < c->pack.count && rc == 0; i++) {
		int64_t key = message_key(c->mailbox_id, pack_uid(&c->pack, i));
		rc = db_get_int(db, &blob_id, "SELECT blob_id FROM message WHERE id = $1", "i",
		                key);
		if (rc == 0)
			rc = blob_release(db, blob_id, 1);
		if (rc == 0)
			rc = db_run(db, "DELETE FROM message WHERE id = $1", "i", key);
		rc = rc == -ENODATA ? 0 : rc;
	}
	return rc == 0 ? db_run(db, "DELETE FROM expunged_chunk WHERE id = $1", "i", id) : rc;
}

static int forget_in_commit(struct db *db, void *arg)
{
	struct batch *b = arg;
	int rc = 0;
	for (size_t i = 0; i < b->chunk_count && rc == 0; i++)
		rc = forget_chunk(db, &b->chunk, b->chunks[i]);
	return rc;
}

/* A deleted mailbox of which nothing is kept. -ENODATA: there is none. */
static int find_empty(struct db *db, void *arg)
{
	return db_get_int(db, arg,
	                  "SELECT id FROM mailbox WHERE account_id = 0 AND NOT EXISTS"
	                  " (SELECT 1 FROM expunged_chunk WHERE mailbox_id = mailbox.id) LIMIT 1",
	                  "");
}

static int forget_empty(struct db *db, void *arg)
{
	int64_t mailbox_id;
	(void)arg;
	int rc = find_empty(db, &mailbox_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM keyword WHERE mailbox_id = $1", "i", mailbox_id);
	if (rc == 0)
		rc = annotation_drop_mailbox(db, mailbox_id);
	if (rc == 0)
		rc = seen_drop_mailbox(db, mailbox_id);
	if (rc == 0)
		rc = key_row_trim(db, mailbox_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM expunged WHERE mailbox_id = $1", "i", mailbox_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM mailbox WHERE id = $1", "i", mailbox_id);
	return rc;
}

static int forget_mailboxes(const struct mailbox_forget *f)
{
	int64_t id;
	int rc;
	while ((rc = store_read(f->store, find_empty, &id)) == 0) {
		rc = store_commit(f->store, NULL, 0, forget_empty, NULL);
		if (rc != 0)
			break;
	}
	return rc == -ENODATA ? 0 : rc;
}

int mailbox_forget(const struct mailbox_forget *f, int64_t before_ms)
{
	struct batch *b = mem_zero(1, sizeof(*b));
	int rc;
	b->arena = arena_new();
	b->before_ms = before_ms;
	do {
		arena_reset(b->arena);
		rc = store_read(f->store, find_some, b);
		if (rc == 0 && b->count > 0 && f->hook)
			f->hook(b->gone, b->count, f->arg);
		if (rc == 0 && b->chunk_count > 0)
			rc = store_commit(f->store, NULL, 0, forget_in_commit, b);
	} while (rc == 0 && b->chunk_count > 0);
	arena_free(b->arena);
	free(b);
	return rc == 0 ? forget_mailboxes(f) : rc;
}
