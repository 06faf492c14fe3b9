#include <errno.h>

#include "base/clock.h"
#include "mailbox/mailbox_rows.h"
#include "mailbox/mailbox_seen.h"
#include "mailbox/quota.h"

/* A copy on its way. Messages are read from the packed records of the source in the order of their
 * UIDs, and get contiguous UIDs in the target. */
struct copy {
	struct db *db;
	struct arena *arena;
	int64_t from_id, to_id;
	int64_t from_account_id;
	bool move;
	struct mailbox_copier by;
	struct mailbox_info to;
	struct uid_set seen;    /* of the target: what the copier has seen, who is not its owner */
	uint64_t mod_seq;       /* of the target */
	uint32_t uid_next;      /* of the target, as it advances */
	struct flag_pack *tail; /* of the target: its last record, being filled */
	bool tail_changed;
	uint64_t keyword_to[MAILBOX_KEYWORD_MAX]; /* the target's flag of each keyword, 0: none */
	struct mailbox_delta delta;
	struct uid_set copied;
};

static int copy_load_keywords(struct copy *c, struct slice names[static MAILBOX_KEYWORD_MAX])
{
	struct db_rows rows;
	int rc = db_query(c->db, &rows, "SELECT number, name FROM keyword WHERE mailbox_id = $1",
	                  "i", c->from_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t number = db_int(&rows, 0);
		if (number >= 0 && number < MAILBOX_KEYWORD_MAX)
			names[number] = arena_copy(c->arena, db_text(&rows, 1));
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Finds or makes the keywords of the source in the target. */
static int copy_map_keywords(struct copy *c)
{
	struct slice names[MAILBOX_KEYWORD_MAX] = { 0 };
	int rc = copy_load_keywords(c, names);
	for (int i = 0; i < MAILBOX_KEYWORD_MAX && rc == 0; i++) {
		if (names[i].len == 0)
			continue;
		rc = mailbox_get_keyword(c->db, c->to_id, names[i], &c->keyword_to[i]);
		if (rc == -ENFILE)
			rc = 0;
	}
	return rc;
}

static uint64_t copy_flags(const struct copy *c, uint64_t flags)
{
	flags &= c->by.allowed;
	uint64_t out = flags & (FLAG_KEYWORD(0) - 1);
	for (uint64_t left = flags >> FLAG_KEYWORD_SHIFT; left; left &= left - 1)
		out |= c->keyword_to[__builtin_ctzll(left)];
	return out;
}

static int copy_save_tail(struct copy *c)
{
	if (!c->tail_changed)
		return 0;
	c->tail_changed = false;
	return pack_save(c->db, c->to_id, c->mod_seq, c->tail);
}

/* Gives the message its place in the target's packed records. */
static int copy_add_flags(struct copy *c, uint64_t flags)
{
	uint32_t uid = c->uid_next;
	if (c->by.to_viewer && (flags & FLAG_SEEN)) {
		uid_set_add(c->arena, &c->seen, uid, uid);
		flags &= ~(uint64_t)FLAG_SEEN;
	}
	struct flag_pack *tail = c->tail;
	if (uid == UINT32_MAX)
		return -EOVERFLOW;
	if (pack_number(uid) != tail->number) {
		int rc = copy_save_tail(c);
		if (rc != 0)
			return rc;
		tail->number = pack_number(uid);
		tail->count = 0;
	}
	if (tail->count == PACK_UIDS)
		return -EBADMSG;
	tail->offsets[tail->count] = (uint8_t)((uid - 1) % PACK_UIDS);
	tail->flags[tail->count] = flags;
	tail->mod_seqs[tail->count] = c->mod_seq;
	tail->count++;
	c->tail_changed = true;
	c->uid_next++;
	mailbox_delta_flags(&c->delta, flags, 1);
	return 0;
}

/* The rows of messages with UIDs from run.first to run.last, all of which exist, to UIDs from
 * to_uid on. A move leaves the blobs' reference counts as they are. */
static int copy_rows(struct copy *c, struct uid_run run, uint32_t to_uid)
{
	struct message_refs refs;
	int64_t first = message_key(c->from_id, run.first);
	int64_t last = message_key(c->from_id, run.last);
	int64_t shift = message_key(c->to_id, to_uid) - first;

	int rc = message_refs_load(c->db, c->from_id, run, &refs);
	if (rc != 0)
		return rc;
	c->delta.bytes += (int64_t)refs.bytes;
	uid_set_add(c->arena, &c->copied, run.first, run.last);
	if (c->move)
		return db_run(c->db,
		              "UPDATE message SET id = id + $1, saved_ms = $4"
		              " WHERE id >= $2 AND id <= $3",
		              "iiii", shift, first, last, clock_wall_ms());
	for (size_t i = 0; rc == 0 && i < refs.count; i++)
		rc = blob_retain(c->db, refs.blob_ids[i], 1);
	if (rc != 0)
		return rc;
	return db_run(c->db,
	              "INSERT INTO message"
	              " (id, blob_id, size_bytes, internal_ms, envelope, body_structure, saved_ms,"
	              " ref_ids) SELECT id + $1, blob_id, size_bytes, internal_ms, envelope,"
	              " body_structure, $4, ref_ids FROM message WHERE id >= $2 AND id <= $3",
	              "iiii", shift, first, last, clock_wall_ms());
}

/* What the set names in one record of the source; UIDs without a gap go by one statement. */
static int copy_pack(struct copy *c, struct pack_walk *w)
{
	const struct flag_pack *p = &w->pack;
	struct uid_run run = { 0, 0 };
	uint32_t to_uid = 0;
	int rc = c->by.from_viewer ? seen_overlay(c->db, c->from_id, c->by.from_viewer, &w->pack)
	                           : 0;

	for (uint32_t i = 0; i < p->count && rc == 0; i++) {
		uint32_t uid = pack_uid(p, i);
		if (!uid_set_has(w->uids, uid))
			continue;
		if (run.first && uid != run.last + 1) {
			rc = copy_rows(c, run, to_uid);
			run.first = 0;
		}
		if (!run.first) {
			run.first = uid;
			to_uid = c->uid_next;
		}
		run.last = uid;
		if (rc == 0)
			rc = copy_add_flags(c, copy_flags(c, p->flags[i]));
	}
	if (rc == 0 && run.first)
		rc = copy_rows(c, run, to_uid);
	return rc;
}

/* Takes the copied messages out of the source's packed records; their rows have gone already. */
static int move_clear_source(struct copy *c)
{
	struct mailbox_delta out = { .bytes = -c->delta.bytes };
	struct pack_walk *w = ARENA_NEW(c->arena, struct pack_walk);
	uint64_t mod_seq;

	*w = (struct pack_walk){ .db = c->db, .mailbox_id = c->from_id, .uids = &c->copied };
	int rc = mailbox_next_mod_seq(c->db, c->from_id, &mod_seq);
	while (rc == 0 && (rc = pack_walk_next(w)) == 0) {
		const struct flag_pack *p = &w->pack;
		for (uint32_t i = 0; i < p->count; i++) {
			if (uid_set_has(&c->copied, pack_uid(p, i)))
				mailbox_delta_flags(&out, p->flags[i], -1);
		}
		rc = pack_remove(c->db, c->from_id, mod_seq, &w->pack, &c->copied);
	}
	if (rc == -ENODATA)
		rc = expunged_note(c->db, c->from_id, mod_seq, &c->copied);
	return rc == 0 ? mailbox_count(c->db, c->from_id, &out) : rc;
}

static int copy_begin(struct copy *c)
{
	int rc = db_get_int(c->db, &c->from_account_id,
	                    "SELECT account_id FROM mailbox WHERE id = $1", "i", c->from_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	rc = mailbox_get(c->db, c->arena, c->to_id, &c->to);
	if (rc == 0)
		rc = mailbox_next_mod_seq(c->db, c->to_id, &c->mod_seq);
	if (rc != 0)
		return rc;
	c->uid_next = c->to.uid_next;
	c->tail = ARENA_NEW(c->arena, struct flag_pack);
	uint32_t number = pack_number(c->uid_next);
	rc = pack_load(c->db, c->to_id, number, number, c->tail);
	if (rc == -ENODATA) {
		c->tail->number = number;
		c->tail->count = 0;
		rc = 0;
	}
	return rc == 0 ? copy_map_keywords(c) : rc;
}

static int copy_seen(struct copy *c)
{
	const struct flag_request request = { .mailbox_id = c->to_id,
		                              .viewer = c->by.to_viewer,
		                              .uids = &c->seen,
		                              .how = FLAGS_ADD,
		                              .flags = FLAG_SEEN,
		                              .mask = FLAG_SEEN };
	return mailbox_request_flags(c->db, &request, NULL, NULL);
}

static int copy_end(struct copy *c)
{
	int rc = copy_save_tail(c);
	if (rc == 0)
		rc = db_run(c->db, "UPDATE mailbox SET uid_next = $2 WHERE id = $1", "ii", c->to_id,
		            (int64_t)c->uid_next);
	if (rc == 0 && (!c->move || c->from_account_id != c->to.account_id))
		rc = quota_check(c->db, c->to.account_id, (uint64_t)c->delta.bytes,
		                 (uint64_t)c->delta.messages);
	if (rc == 0)
		rc = mailbox_count(c->db, c->to_id, &c->delta);
	if (rc == 0 && c->seen.count > 0)
		rc = copy_seen(c);
	if (rc == 0 && c->move)
		rc = move_clear_source(c);
	return rc;
}

/* New messages of a mailbox that is copied into itself are not copied again. */
static struct uid_set copy_bound(const struct copy *c, const struct uid_set *uids)
{
	struct uid_set bounded = { 0 };
	for (size_t i = 0; i < uids->count && uids->ranges[i].first < c->to.uid_next; i++) {
		struct uid_range r = uids->ranges[i];
		uid_set_add(c->arena, &bounded, r.first,
		            r.last < c->to.uid_next ? r.last : c->to.uid_next - 1);
	}
	return bounded;
}

static int copy_messages(struct copy *c, const struct uid_set *uids, struct mailbox_copied *out)
{
	struct uid_set bounded = { 0 };
	struct pack_walk *w = ARENA_NEW(c->arena, struct pack_walk);

	int rc = copy_begin(c);
	if (rc != 0)
		return rc;
	if (c->from_id == c->to_id) {
		bounded = copy_bound(c, uids);
		uids = &bounded;
	}
	*w = (struct pack_walk){ .db = c->db, .mailbox_id = c->from_id, .uids = uids };
	while (rc == 0 && (rc = pack_walk_next(w)) == 0)
		rc = copy_pack(c, w);
	if (rc == -ENODATA)
		rc = c->copied.count > 0 ? copy_end(c) : 0;
	if (rc != 0)
		return rc;
	*out = (struct mailbox_copied){
		.uid_validity = c->to.uid_validity,
		.from = c->copied,
		.first_uid = c->to.uid_next,
		.count = (uint64_t)c->delta.messages,
	};
	return 0;
}

int mailbox_copy_by(struct db *db, struct arena *arena, const struct mailbox_copier *by,
                    int64_t from_id, const struct uid_set *uids, int64_t to_id,
                    struct mailbox_copied *out)
{
	struct copy c = { .db = db,
		          .arena = arena,
		          .from_id = from_id,
		          .to_id = to_id,
		          .move = by->move,
		          .by = *by };
	if (by->move && from_id == to_id)
		return -EINVAL;
	return copy_messages(&c, uids, out);
}

int mailbox_copy(struct db *db, struct arena *arena, int64_t from_id, const struct uid_set *uids,
                 int64_t to_id, struct mailbox_copied *out)
{
	const struct mailbox_copier owner = { .allowed = FLAGS_ANY };
	return mailbox_copy_by(db, arena, &owner, from_id, uids, to_id, out);
}

int mailbox_move(struct db *db, struct arena *arena, int64_t from_id, const struct uid_set *uids,
                 int64_t to_id, struct mailbox_copied *out)
{
	const struct mailbox_copier owner = { .allowed = FLAGS_ANY, .move = true };
	return mailbox_copy_by(db, arena, &owner, from_id, uids, to_id, out);
}
