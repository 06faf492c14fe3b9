#include "mailbox/mailbox_seen.h"

#include <errno.h>

#include "mailbox/mailbox_rows.h"

/* --- records of viewers -------------------------------------------------------------- */

/* Empty if there is none. */
static int seen_load(struct db *db, int64_t mailbox_id, int64_t viewer, uint32_t number,
                     struct flag_pack *out)
{
	struct db_rows rows;
	out->number = number;
	out->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT data FROM seen_chunk WHERE mailbox_id = $1 AND account_id = $2"
	                  " AND number = $3",
	                  "iii", mailbox_id, viewer, (int64_t)number);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = pack_decode(db_bytes(&rows, 0), out);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* The bytes are not on the stack: the caller has a record there. */
static int seen_save(struct db *db, int64_t mailbox_id, int64_t viewer, uint64_t mod_seq,
                     const struct flag_pack *p)
{
	char *bytes = mem_alloc(PACK_BYTES_MAX);
	int rc = db_run(db,
	                "INSERT INTO seen_chunk (mailbox_id, account_id, number, mod_seq, data)"
	                " VALUES ($1, $2, $3, $4, $5)"
	                " ON CONFLICT (mailbox_id, account_id, number) DO UPDATE SET"
	                " mod_seq = excluded.mod_seq, data = excluded.data",
	                "iiiib", mailbox_id, viewer, (int64_t)p->number, (int64_t)mod_seq,
	                pack_encode(p, bytes));
	free(bytes);
	return rc;
}

int seen_drop_record(struct db *db, int64_t mailbox_id, uint32_t number)
{
	return db_run(db, "DELETE FROM seen_chunk WHERE mailbox_id = $1 AND number = $2", "ii",
	              mailbox_id, (int64_t)number);
}

int seen_drop_mailbox(struct db *db, int64_t mailbox_id)
{
	return db_run(db, "DELETE FROM seen_chunk WHERE mailbox_id = $1", "i", mailbox_id);
}

int seen_drop_account(struct db *db, int64_t account_id)
{
	return db_run(db, "DELETE FROM seen_chunk WHERE account_id = $1", "i", account_id);
}

/* The place of an offset, or where it belongs. */
static uint32_t seen_place(const struct flag_pack *seen, uint8_t offset)
{
	uint32_t low = 0, high = seen->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (seen->offsets[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool seen_has(const struct flag_pack *seen, uint32_t place, uint8_t offset)
{
	return place < seen->count && seen->offsets[place] == offset;
}

static void seen_put(struct flag_pack *seen, uint32_t place, uint8_t offset, uint64_t flags,
                     uint64_t mod_seq)
{
	if (!seen_has(seen, place, offset)) {
		size_t behind = seen->count - place;
		memmove(&seen->offsets[place + 1], &seen->offsets[place], behind);
		memmove(&seen->flags[place + 1], &seen->flags[place], behind * sizeof(uint64_t));
		memmove(&seen->mod_seqs[place + 1], &seen->mod_seqs[place],
		        behind * sizeof(uint64_t));
		seen->count++;
	}
	seen->offsets[place] = offset;
	seen->flags[place] = flags;
	seen->mod_seqs[place] = mod_seq;
}

/* --- looking ------------------------------------------------------------------------- */

static void overlay(const struct flag_pack *seen, struct flag_pack *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t place = seen_place(seen, p->offsets[i]);
		p->flags[i] &= ~(uint64_t)FLAG_SEEN;
		if (!seen_has(seen, place, p->offsets[i]))
			continue;
		p->flags[i] |= seen->flags[place] & FLAG_SEEN;
		if (seen->mod_seqs[place] > p->mod_seqs[i])
			p->mod_seqs[i] = seen->mod_seqs[place];
	}
}

/* Two records are more than a stack frame may hold. */
int seen_overlay_bytes(struct slice bytes, struct flag_pack *p)
{
	struct flag_pack *seen = mem_alloc(sizeof(*seen));
	seen->count = 0;
	int rc = bytes.len ? pack_decode(bytes, seen) : 0;
	if (rc == 0)
		overlay(seen, p);
	free(seen);
	return rc;
}

int seen_overlay(struct db *db, int64_t mailbox_id, int64_t viewer, struct flag_pack *p)
{
	struct flag_pack *seen = mem_alloc(sizeof(*seen));
	int rc = seen_load(db, mailbox_id, viewer, p->number, seen);
	if (rc == 0)
		overlay(seen, p);
	free(seen);
	return rc;
}

/* --- changing ------------------------------------------------------------------------ */

static uint64_t flags_apply(uint64_t old, enum flag_change how, uint64_t flags, uint64_t mask)
{
	switch (how) {
	case FLAGS_ADD:
		return old | (flags & mask);
	case FLAGS_REMOVE:
		return old & ~(flags & mask);
	case FLAGS_SET:
		break;
	}
	return (old & ~mask) | (flags & mask);
}

struct change {
	const struct flag_request *r;
	uint64_t mask; /* of the mailbox's own records */
	uint64_t mod_seq;
	struct mailbox_delta delta;
	struct flag_pack *seen; /* the viewer's record; NULL for the owner */
	bool base_changed, seen_changed;
	uint64_t changed;
	struct uid_set newer;
};

/* The viewer's own flag. True: it is another now. */
static bool change_seen(struct change *c, uint8_t offset, uint32_t place)
{
	bool has = seen_has(c->seen, place, offset);
	uint64_t old = has ? c->seen->flags[place] : 0;
	uint64_t now = flags_apply(old, c->r->how, c->r->flags, c->r->mask & FLAG_SEEN);
	if (now == old)
		return false;
	seen_put(c->seen, place, offset, now, c->mod_seq);
	c->seen_changed = true;
	return true;
}

static bool change_base(struct change *c, struct flag_pack *p, uint32_t i)
{
	uint64_t now = flags_apply(p->flags[i], c->r->how, c->r->flags, c->mask);
	if (now == p->flags[i])
		return false;
	mailbox_delta_flags(&c->delta, p->flags[i], -1);
	mailbox_delta_flags(&c->delta, now, 1);
	p->flags[i] = now;
	p->mod_seqs[i] = c->mod_seq;
	c->base_changed = true;
	return true;
}

static void change_message(struct change *c, struct flag_pack *p, uint32_t i)
{
	uint64_t mod_seq = p->mod_seqs[i];
	uint32_t place = 0;
	if (c->seen) {
		place = seen_place(c->seen, p->offsets[i]);
		if (seen_has(c->seen, place, p->offsets[i]) && c->seen->mod_seqs[place] > mod_seq)
			mod_seq = c->seen->mod_seqs[place];
	}
	if (c->r->arena && mod_seq > c->r->unchanged_since) {
		uid_set_add(c->r->arena, &c->newer, pack_uid(p, i), pack_uid(p, i));
		return;
	}
	bool changed = change_base(c, p, i);
	if (c->seen)
		changed |= change_seen(c, p->offsets[i], place);
	c->changed += changed;
}

static int change_pack(struct db *db, struct change *c, struct pack_walk *w)
{
	int64_t mailbox_id = c->r->mailbox_id;
	int rc = c->seen ? seen_load(db, mailbox_id, c->r->viewer, w->pack.number, c->seen) : 0;
	c->base_changed = c->seen_changed = false;
	for (uint32_t i = 0; i < w->pack.count && rc == 0; i++) {
		if (uid_set_has(w->uids, pack_uid(&w->pack, i)))
			change_message(c, &w->pack, i);
	}
	if (rc == 0 && c->base_changed)
		rc = pack_save(db, mailbox_id, c->mod_seq, &w->pack);
	if (rc == 0 && c->seen_changed)
		rc = seen_save(db, mailbox_id, c->r->viewer, c->mod_seq, c->seen);
	return rc;
}

static int change_flags(struct db *db, struct change *c)
{
	int64_t mailbox_id = c->r->mailbox_id;
	struct pack_walk w = { .db = db, .mailbox_id = mailbox_id, .uids = c->r->uids };
	int rc = mailbox_next_mod_seq(db, mailbox_id, &c->mod_seq);
	while (rc == 0 && (rc = pack_walk_next(&w)) == 0)
		rc = change_pack(db, c, &w);
	if (rc != -ENODATA)
		return rc;
	return c->changed ? mailbox_count(db, mailbox_id, &c->delta) : 0;
}

int mailbox_request_flags(struct db *db, const struct flag_request *request,
                          struct uid_set *newer_out, uint64_t *changed_out)
{
	struct change c = { .r = request, .mask = request->mask };
	if (request->viewer) {
		c.mask &= ~(uint64_t)FLAG_SEEN;
		c.seen = mem_alloc(sizeof(*c.seen));
	}
	int rc = change_flags(db, &c);
	free(c.seen);
	if (rc != 0)
		return rc;
	if (newer_out)
		*newer_out = c.newer;
	if (changed_out)
		*changed_out = c.changed;
	return 0;
}

int mailbox_change_flags(struct db *db, int64_t mailbox_id, const struct uid_set *uids,
                         enum flag_change how, uint64_t flags, uint64_t *changed_out)
{
	struct flag_request request = { .mailbox_id = mailbox_id,
		                        .uids = uids,
		                        .how = how,
		                        .flags = flags,
		                        .mask = FLAGS_ANY };
	return mailbox_request_flags(db, &request, NULL, changed_out);
}
