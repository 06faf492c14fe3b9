#include <errno.h>

#include "base/clock.h"
#include "mailbox/mailbox_rows.h"

enum {
	REFERENCES_BYTES_MAX = 4096,
	ROWS_GAP_MAX = 8, /* rows that are passed over rather than begun anew behind */
};

/* --- append -------------------------------------------------------------------------- */

struct append_place {
	int64_t account_id;
	uint32_t uid;
	uint64_t mod_seq;
};

static int append_count(struct db *db, int64_t mailbox_id, const struct mailbox_new_message *m)
{
	struct mailbox_delta delta = { 0 };
	int64_t changed;

	mailbox_delta_flags(&delta, m->flags, 1);
	int rc = db_change(db, &changed,
	                   "UPDATE mailbox SET uid_next = uid_next + 1, mod_seq = mod_seq + 1,"
	                   " message_count = message_count + 1, unseen_count = unseen_count + $2,"
	                   " deleted_count = deleted_count + $3, size_bytes = size_bytes + $4"
	                   " WHERE id = $1 AND account_id <> 0",
	                   "iiii", mailbox_id, delta.unseen, delta.deleted, (int64_t)m->size_bytes);
	return rc == 0 && changed == 0 ? -ENOENT : rc;
}

/* Takes the next UID and MODSEQ, and counts the message. Not by RETURNING: for that SQLite makes a
 * temporary table each time, which costs twice what both statements do. */
static int append_place(struct db *db, int64_t mailbox_id, const struct mailbox_new_message *m,
                        struct append_place *out)
{
	struct db_rows rows;
	int64_t uid_next = 0;

	int rc = append_count(db, mailbox_id, m);
	if (rc != 0)
		return rc;
	rc = db_query(db, &rows, "SELECT account_id, uid_next, mod_seq FROM mailbox WHERE id = $1",
	              "i", mailbox_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		out->account_id = db_int(&rows, 0);
		uid_next = db_int(&rows, 1);
		out->mod_seq = (uint64_t)db_int(&rows, 2);
	}
	db_end(&rows);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	if (uid_next > UINT32_MAX)
		return -EOVERFLOW;
	out->uid = (uint32_t)(uid_next - 1);
	return 0;
}

static int append_pack(struct db *db, int64_t mailbox_id, const struct append_place *place,
                       uint64_t flags)
{
	struct flag_pack pack;
	uint32_t number = pack_number(place->uid);
	int rc = pack_load(db, mailbox_id, number, number, &pack);
	if (rc == -ENODATA) {
		pack.number = number;
		pack.count = 0;
	} else if (rc != 0) {
		return rc;
	}
	if (pack.count == PACK_UIDS)
		return -EBADMSG;
	pack.offsets[pack.count] = (uint8_t)((place->uid - 1) % PACK_UIDS);
	pack.flags[pack.count] = flags;
	pack.mod_seqs[pack.count] = place->mod_seq;
	pack.count++;
	return pack_save(db, mailbox_id, place->mod_seq, &pack);
}

/* Of a long chain the end: it says whose answer this is. */
static struct slice references_kept(struct slice references)
{
	if (references.len <= REFERENCES_BYTES_MAX)
		return references;
	struct slice end = slice_from(references, references.len - REFERENCES_BYTES_MAX);
	ptrdiff_t first = slice_find_byte(end, '<');
	return first >= 0 ? slice_from(end, (size_t)first) : SLICE_EMPTY;
}

int mailbox_append(struct db *db, int64_t mailbox_id, const struct mailbox_new_message *message,
                   uint32_t *uid_out)
{
	struct append_place place;
	int rc = append_place(db, mailbox_id, message, &place);
	if (rc == 0)
		rc = append_pack(db, mailbox_id, &place, message->flags);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO message"
		            " (id, blob_id, size_bytes, internal_ms, envelope, body_structure,"
		            " saved_ms, ref_ids) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		            "iiiibbib", message_key(mailbox_id, place.uid), message->blob_id,
		            (int64_t)message->size_bytes, message->internal_ms, message->envelope,
		            message->bodystructure, clock_wall_ms(),
		            references_kept(message->references));
	if (rc == 0)
		rc = blob_retain(db, message->blob_id, 1);
	if (rc == 0)
		rc = db_run(db,
		            "UPDATE account SET used_bytes = used_bytes + $2,"
		            " used_messages = used_messages + 1 WHERE id = $1",
		            "ii", place.account_id, (int64_t)message->size_bytes);
	if (rc == 0)
		*uid_out = place.uid;
	return rc;
}

/* --- expunge ------------------------------------------------------------------------- */

struct expunge {
	struct db *db;
	int64_t mailbox_id;
	bool only_deleted;
	int64_t now_ms;
	uint64_t mod_seq;
	struct arena *arena;
	struct flag_pack *pack; /* what goes from one record */
	struct uid_set gone;
	struct mailbox_delta delta;
};

/* Messages between which there is none that stays, or went before. */
static int expunge_run(struct expunge *e, struct uid_run run, uint64_t *bytes)
{
	int64_t some;
	int rc = db_get_int(e->db, &some,
	                    "SELECT coalesce(sum(size_bytes), 0) FROM message"
	                    " WHERE id >= $1 AND id <= $2",
	                    "ii", message_key(e->mailbox_id, run.first),
	                    message_key(e->mailbox_id, run.last));
	if (rc != 0)
		return rc;
	*bytes += (uint64_t)some;
	uid_set_add(e->arena, &e->gone, run.first, run.last);
	return 0;
}

static bool expunge_takes(const struct expunge *e, const struct pack_walk *w, uint32_t i)
{
	if (e->only_deleted && !(w->pack.flags[i] & FLAG_DELETED))
		return false;
	return uid_set_has(w->uids, pack_uid(&w->pack, i));
}

/* What goes from one record. */
static int expunge_gather(struct expunge *e, const struct pack_walk *w, struct flag_pack *gone,
                          uint64_t *bytes)
{
	struct uid_run run = { 0, 0 };
	int rc = 0;
	gone->number = w->pack.number;
	gone->count = 0;
	for (uint32_t i = 0; i < w->pack.count && rc == 0; i++) {
		uint32_t uid = pack_uid(&w->pack, i);
		if (!expunge_takes(e, w, i))
			continue;
		mailbox_delta_flags(&e->delta, w->pack.flags[i], -1);
		gone->offsets[gone->count] = w->pack.offsets[i];
		gone->flags[gone->count] = w->pack.flags[i];
		gone->mod_seqs[gone->count++] = e->mod_seq;
		if (run.first && uid != run.last + 1) {
			rc = expunge_run(e, run, bytes);
			run.first = 0;
		}
		run.first = run.first ? run.first : uid;
		run.last = uid;
	}
	return rc == 0 && run.first ? expunge_run(e, run, bytes) : rc;
}

/* The rows stay until nobody may want them back: mailbox_keep.h. */
static int expunge_pack(struct expunge *e, struct pack_walk *w)
{
	uint64_t bytes = 0;
	int rc = expunge_gather(e, w, e->pack, &bytes);
	if (rc != 0 || e->pack->count == 0)
		return rc;
	e->delta.bytes -= (int64_t)bytes;
	rc = keep_messages(e->db, e->mailbox_id, e->pack, bytes, e->now_ms);
	return rc == 0 ? pack_remove(e->db, e->mailbox_id, e->mod_seq, &w->pack, &e->gone) : rc;
}

int mailbox_expunge(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                    bool only_deleted, uint64_t *count_out)
{
	struct expunge e = { .db = db,
		             .mailbox_id = mailbox_id,
		             .only_deleted = only_deleted,
		             .now_ms = clock_wall_ms() };
	struct pack_walk w = { .db = db, .mailbox_id = mailbox_id, .uids = uids };

	int rc = mailbox_next_mod_seq(db, mailbox_id, &e.mod_seq);
	if (rc != 0)
		return rc;
	e.arena = arena_new();
	e.pack = ARENA_NEW(e.arena, struct flag_pack);
	while (rc == 0 && (rc = pack_walk_next(&w)) == 0)
		rc = expunge_pack(&e, &w);
	if (rc == -ENODATA)
		rc = 0;
	if (rc == 0 && e.gone.count > 0)
		rc = expunged_note(db, mailbox_id, e.mod_seq, &e.gone);
	if (rc == 0 && e.gone.count > 0)
		rc = mailbox_count(db, mailbox_id, &e.delta);
	arena_free(e.arena);
	if (rc == 0 && count_out)
		*count_out = (uint64_t)-e.delta.messages;
	return rc;
}

/* --- keywords ------------------------------------------------------------------------ */

/* atom of RFC 3501 section 9. */
static bool keyword_is_valid(struct slice keyword)
{
	if (keyword.len == 0 || keyword.len > MAILBOX_KEYWORD_LENGTH)
		return false;
	for (size_t i = 0; i < keyword.len; i++) {
		char c = keyword.data[i];
		if (c <= ' ' || c > '~' || strchr("(){%*\"\\]", c))
			return false;
	}
	return true;
}

int mailbox_get_keyword(struct db *db, int64_t mailbox_id, struct slice keyword, uint64_t *flag_out)
{
	struct db_rows rows;
	uint64_t used = 0;
	int found = -1;

	if (!keyword_is_valid(keyword))
		return -EINVAL;
	int rc = db_query(db, &rows, "SELECT number, name FROM keyword WHERE mailbox_id = $1", "i",
	                  mailbox_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t number = db_int(&rows, 0);
		if (number < 0 || number >= MAILBOX_KEYWORD_MAX)
			continue;
		used |= UINT64_C(1) << number;
		if (slice_equal_nocase(db_text(&rows, 1), keyword))
			found = (int)number;
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	rc = 0;
	if (found < 0) {
		for (found = 0; found < MAILBOX_KEYWORD_MAX && (used >> found & 1); found++)
			;
		if (found == MAILBOX_KEYWORD_MAX)
			return -ENFILE;
		rc = db_run(db,
		            "INSERT INTO keyword (mailbox_id, number, name) VALUES ($1, $2, $3)",
		            "iit", mailbox_id, (int64_t)found, keyword);
	}
	if (rc == 0)
		*flag_out = FLAG_KEYWORD(found);
	return rc;
}

/* --- reading ------------------------------------------------------------------------- */

/* Columns that are not asked for are not read: they may lie on pages of their own. */
#define MESSAGE_QUERY(envelope, structure, keys)                                                   \
	"SELECT id, blob_id, size_bytes, internal_ms, " envelope ", " structure ", " keys          \
	" FROM message WHERE id >= $1 AND id <= $2 ORDER BY id"

static const char *message_query(unsigned what)
{
	static const char *const queries[] = {
		MESSAGE_QUERY("NULL", "NULL", "NULL, NULL"),
		MESSAGE_QUERY("envelope", "NULL", "NULL, NULL"),
		MESSAGE_QUERY("NULL", "body_structure", "NULL, NULL"),
		MESSAGE_QUERY("envelope", "body_structure", "NULL, NULL"),
		MESSAGE_QUERY("NULL", "NULL", "saved_ms, ref_ids"),
		MESSAGE_QUERY("envelope", "NULL", "saved_ms, ref_ids"),
		MESSAGE_QUERY("NULL", "body_structure", "saved_ms, ref_ids"),
		MESSAGE_QUERY("envelope", "body_structure", "saved_ms, ref_ids"),
	};
	return queries[what & (READ_ENVELOPE | READ_BODYSTRUCTURE | READ_KEYS)];
}

/* Messages of one record that are asked for: a bit for each UID. */
struct wanted {
	const struct flag_pack *pack;
	uint64_t bits[PACK_UIDS / 64];
	unsigned what;
	int (*visit)(const struct mailbox_message *message, void *arg);
	void *arg;
};

static bool is_wanted(const struct wanted *w, uint32_t offset)
{
	return w->bits[offset / 64] >> offset % 64 & 1;
}

static int read_place(struct db *db, int64_t blob_id, struct blob_place *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT segment, position, length FROM blob WHERE id = $1",
	                  "i", blob_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = (struct blob_place){ .segment = (uint32_t)db_int(&rows, 0),
			                    .position = (uint64_t)db_int(&rows, 1),
			                    .length = (uint64_t)db_int(&rows, 2) };
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int each_in_run(struct db *db, int64_t mailbox_id, struct uid_run run,
                       const struct wanted *w)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, message_query(w->what), "ii",
	                  message_key(mailbox_id, run.first), message_key(mailbox_id, run.last));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct mailbox_message m = {
			.uid = (uint32_t)(db_int(&rows, 0) - message_key(mailbox_id, 0)),
		};
		if (!is_wanted(w, (m.uid - 1) % PACK_UIDS))
			continue;
		m.blob_id = db_int(&rows, 1);
		m.size_bytes = (uint64_t)db_int(&rows, 2);
		m.internal_ms = db_int(&rows, 3);
		m.envelope = db_bytes(&rows, 4);
		m.bodystructure = db_bytes(&rows, 5);
		m.saved_ms = db_int(&rows, 6);
		m.knows_references = !db_is_null(&rows, 7);
		m.references = db_bytes(&rows, 7);
		rc = w->what & READ_PLACE ? read_place(db, m.blob_id, &m.place) : 0;
		if (rc == 0)
			rc = w->visit(&m, w->arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* UIDs that lie side by side are read by one statement; a small gap costs less than another. */
static int each_in_pack(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                        struct wanted *w)
{
	struct uid_run run = { 0, 0 };
	int rc = 0;
	memset(w->bits, 0, sizeof(w->bits));
	for (uint32_t i = 0; i < w->pack->count && rc == 0; i++) {
		uint32_t uid = pack_uid(w->pack, i);
		if (!uid_set_has(uids, uid))
			continue;
		if (run.first && uid - run.last > ROWS_GAP_MAX) {
			rc = each_in_run(db, mailbox_id, run, w);
			run.first = 0;
		}
		w->bits[w->pack->offsets[i] / 64] |= UINT64_C(1) << w->pack->offsets[i] % 64;
		run.first = run.first ? run.first : uid;
		run.last = uid;
	}
	return rc == 0 && run.first ? each_in_run(db, mailbox_id, run, w) : rc;
}

int mailbox_each_message(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                         unsigned what,
                         int (*visit)(const struct mailbox_message *message, void *arg), void *arg)
{
	struct pack_walk walk = { .db = db, .mailbox_id = mailbox_id, .uids = uids };
	struct wanted w = { .pack = &walk.pack, .what = what, .visit = visit, .arg = arg };
	int rc = 0;
	while (rc == 0 && (rc = pack_walk_next(&walk)) == 0)
		rc = each_in_pack(db, mailbox_id, uids, &w);
	return rc == -ENODATA ? 0 : rc;
}

int mailbox_set_references(struct db *db, int64_t mailbox_id, uint32_t uid, struct slice references)
{
	return db_run(db, "UPDATE message SET ref_ids = $2 WHERE id = $1", "ib",
	              message_key(mailbox_id, uid), references_kept(references));
}
