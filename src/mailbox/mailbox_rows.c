#include "mailbox/mailbox_rows.h"
#include "mailbox/mailbox_seen.h"

#include <errno.h>

/* A longer note of UIDs is not kept: the mailbox then forgets what went before instead. */
enum { EXPUNGED_BYTES_MAX = 64 * 1024 };

void mailbox_delta_flags(struct mailbox_delta *delta, uint64_t flags, int sign)
{
	delta->messages += sign;
	if (!(flags & FLAG_SEEN))
		delta->unseen += sign;
	if (flags & FLAG_DELETED)
		delta->deleted += sign;
}

int mailbox_count(struct db *db, int64_t mailbox_id, const struct mailbox_delta *delta)
{
	int64_t account_id;
	int rc = db_get_int(db, &account_id,
	                    "UPDATE mailbox SET mod_seq = mod_seq + 1,"
	                    " message_count = message_count + $2, unseen_count = unseen_count + $3,"
	                    " deleted_count = deleted_count + $4, size_bytes = size_bytes + $5"
	                    " WHERE id = $1 AND account_id <> 0 RETURNING account_id",
	                    "iiiii", mailbox_id, delta->messages, delta->unseen, delta->deleted,
	                    delta->bytes);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	if (delta->messages == 0 && delta->bytes == 0)
		return 0;
	return db_run(db,
	              "UPDATE account SET used_bytes = used_bytes + $2,"
	              " used_messages = used_messages + $3 WHERE id = $1",
	              "iii", account_id, delta->bytes, delta->messages);
}

int mailbox_next_mod_seq(struct db *db, int64_t mailbox_id, uint64_t *mod_seq_out)
{
	int64_t mod_seq;
	int rc = db_get_int(db, &mod_seq,
	                    "SELECT mod_seq FROM mailbox WHERE id = $1 AND account_id <> 0", "i",
	                    mailbox_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	*mod_seq_out = (uint64_t)mod_seq + 1;
	return 0;
}

int pack_load(struct db *db, int64_t mailbox_id, uint32_t first, uint32_t last,
              struct flag_pack *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, data FROM flag_chunk WHERE id >= $1 AND id <= $2"
	                  " ORDER BY id LIMIT 1",
	                  "ii", pack_key(mailbox_id, first), pack_key(mailbox_id, last));
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		out->number = (uint32_t)(db_int(&rows, 0) - pack_key(mailbox_id, 0));
		rc = pack_decode(db_bytes(&rows, 1), out);
	}
	db_end(&rows);
	return rc;
}

int pack_save(struct db *db, int64_t mailbox_id, uint64_t mod_seq, const struct flag_pack *p)
{
	char bytes[PACK_BYTES_MAX];
	return db_run(db,
	              "INSERT INTO flag_chunk (id, mod_seq, data) VALUES ($1, $2, $3)"
	              " ON CONFLICT (id) DO UPDATE SET mod_seq = excluded.mod_seq,"
	              " data = excluded.data",
	              "iib", pack_key(mailbox_id, p->number), (int64_t)mod_seq,
	              pack_encode(p, bytes));
}

int pack_remove(struct db *db, int64_t mailbox_id, uint64_t mod_seq, struct flag_pack *p,
                const struct uid_set *gone)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < p->count; i++) {
		if (uid_set_has(gone, pack_uid(p, i)))
			continue;
		p->offsets[kept] = p->offsets[i];
		p->flags[kept] = p->flags[i];
		p->mod_seqs[kept] = p->mod_seqs[i];
		kept++;
	}
	p->count = kept;
	if (kept > 0)
		return pack_save(db, mailbox_id, mod_seq, p);
	int rc = seen_drop_record(db, mailbox_id, p->number);
	return rc == 0 ? db_run(db, "DELETE FROM flag_chunk WHERE id = $1", "i",
	                        pack_key(mailbox_id, p->number))
	               : rc;
}

int pack_walk_next(struct pack_walk *w)
{
	const struct uid_set *uids = w->uids;
	while (w->position < uids->count && w->next <= pack_number(UINT32_MAX)) {
		const struct uid_range *r = &uids->ranges[w->position];
		if (pack_number(r->last) < w->next) {
			w->position++;
			continue;
		}
		uint32_t from = pack_number(r->first) > w->next ? pack_number(r->first) : w->next;
		int rc = pack_load(w->db, w->mailbox_id, from,
		                   pack_number(uids->ranges[uids->count - 1].last), &w->pack);
		if (rc != 0)
			return rc;
		w->next = w->pack.number + 1;
		/* The row may lie in a gap between the ranges. */
		w->position = uid_set_find(uids, w->pack.number * PACK_UIDS + 1);
		if (w->position < uids->count &&
		    pack_number(uids->ranges[w->position].first) <= w->pack.number)
			return 0;
	}
	return -ENODATA;
}

int message_refs_load(struct db *db, int64_t mailbox_id, struct uid_run run,
                      struct message_refs *out)
{
	struct db_rows rows;
	out->count = 0;
	out->bytes = 0;
	int rc = db_query(
		db, &rows, "SELECT blob_id, size_bytes FROM message WHERE id >= $1 AND id <= $2",
		"ii", message_key(mailbox_id, run.first), message_key(mailbox_id, run.last));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		if (out->count == PACK_UIDS) {
			rc = -EBADMSG;
			break;
		}
		out->blob_ids[out->count++] = db_int(&rows, 0);
		out->bytes += (uint64_t)db_int(&rows, 1);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Forgets what went with the MODSEQ or before. */
static int expunged_forget(struct db *db, int64_t mailbox_id, int64_t mod_seq)
{
	int rc = db_run(db, "UPDATE mailbox SET expunged_since = $2 WHERE id = $1", "ii",
	                mailbox_id, mod_seq);
	if (rc != 0)
		return rc;
	return db_run(db, "DELETE FROM expunged WHERE mailbox_id = $1 AND mod_seq <= $2", "ii",
	              mailbox_id, mod_seq);
}

/* One in sixteen, whatever the steps in which MODSEQs of expunges ascend. */
static bool is_time_to_forget(uint64_t mod_seq)
{
	return (uint32_t)mod_seq * UINT32_C(2654435761) >> 28 == 0;
}

int expunged_note(struct db *db, int64_t mailbox_id, uint64_t mod_seq, const struct uid_set *uids)
{
	struct buf text = buf_make(EXPUNGED_BYTES_MAX);
	int64_t oldest;

	if (uid_set_write(uids, &text) != 0) {
		buf_free(&text);
		return expunged_forget(db, mailbox_id, (int64_t)mod_seq);
	}
	int rc = db_run(db, "INSERT INTO expunged (mailbox_id, mod_seq, uids) VALUES ($1, $2, $3)",
	                "iib", mailbox_id, (int64_t)mod_seq, buf_slice(&text));
	buf_free(&text);
	if (rc != 0 || !is_time_to_forget(mod_seq))
		return rc;
	rc = db_get_int(db, &oldest,
	                "SELECT mod_seq FROM expunged WHERE mailbox_id = $1"
	                " ORDER BY mod_seq DESC LIMIT 1 OFFSET $2",
	                "ii", mailbox_id, (int64_t)EXPUNGED_ROWS_KEPT);
	if (rc != 0)
		return rc == -ENODATA ? 0 : rc;
	return expunged_forget(db, mailbox_id, oldest);
}

int mailbox_expunged_since(struct db *db, struct arena *arena, int64_t mailbox_id, uint64_t mod_seq,
                           struct uid_set *out)
{
	struct uid_set uids = { 0 };
	struct db_rows rows;
	int64_t known_since;
	int rc = db_get_int(db, &known_since, "SELECT expunged_since FROM mailbox WHERE id = $1",
	                    "i", mailbox_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	if (mod_seq < (uint64_t)known_since)
		return -ENODATA;
	rc = db_query(db, &rows, "SELECT uids FROM expunged WHERE mailbox_id = $1 AND mod_seq > $2",
	              "ii", mailbox_id, (int64_t)mod_seq);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = uid_set_read(arena, &uids, db_bytes(&rows, 0));
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	uid_set_sort(&uids);
	*out = uids;
	return 0;
}
