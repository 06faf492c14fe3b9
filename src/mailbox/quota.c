#include "mailbox/quota.h"

#include <errno.h>

#include "mailbox/mailbox_rows.h"

#define QUOTA_COLUMNS                                                                              \
	"quota_bytes, quota_messages, quota_mailboxes, used_bytes, used_messages,"                 \
	" (SELECT count(*) FROM mailbox WHERE account_id = account.id)"

/* --- reading ------------------------------------------------------------------------- */

static struct quota quota_read(const struct db_rows *rows, int column)
{
	struct quota q;
	for (int i = 0; i < QUOTA_RESOURCES; i++) {
		q.limit[i] = (uint64_t)db_int(rows, column + i);
		q.used[i] = (uint64_t)db_int(rows, column + QUOTA_RESOURCES + i);
	}
	return q;
}

int quota_get(struct db *db, int64_t account_id, struct quota *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT " QUOTA_COLUMNS " FROM account WHERE id = $1", "i",
	                  account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = quota_read(&rows, 0);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

bool quota_is_limited(const struct quota *q)
{
	for (int i = 0; i < QUOTA_RESOURCES; i++) {
		if (q->limit[i] > 0)
			return true;
	}
	return false;
}

unsigned quota_percent(const struct quota *q)
{
	double most = 0;
	for (int i = 0; i < QUOTA_RESOURCES; i++) {
		double share = q->limit[i] ? (double)q->used[i] * 100 / (double)q->limit[i] : 0;
		most = share > most ? share : most;
	}
	return most < UINT32_MAX ? (unsigned)most : UINT32_MAX;
}

/* --- judging ------------------------------------------------------------------------- */

int quota_check(struct db *db, int64_t account_id, uint64_t bytes, uint64_t messages)
{
	int64_t over;
	if (account_id < 0)
		return 0;
	int rc = db_get_int(db, &over,
	                    "SELECT (quota_bytes > 0 AND used_bytes + $2 > quota_bytes)"
	                    " OR (quota_messages > 0 AND used_messages + $3 > quota_messages)"
	                    " FROM account WHERE id = $1",
	                    "iii", account_id, (int64_t)bytes, (int64_t)messages);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	return over ? -EDQUOT : 0;
}

int mailbox_check_quota(struct db *db, int64_t account_id, uint64_t size_bytes)
{
	return quota_check(db, account_id, size_bytes, 1);
}

int quota_check_mailbox(struct db *db, int64_t account_id)
{
	int64_t over;
	if (account_id < 0)
		return 0;
	int rc = db_get_int(db, &over,
	                    "SELECT quota_mailboxes > 0 AND quota_mailboxes <="
	                    " (SELECT count(*) FROM mailbox WHERE account_id = account.id)"
	                    " FROM account WHERE id = $1",
	                    "i", account_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	return over ? -EDQUOT : 0;
}

/* --- changes ------------------------------------------------------------------------- */

int quota_set(struct db *db, int64_t account_id, const uint64_t limit[static QUOTA_RESOURCES])
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE account SET quota_bytes = $2, quota_messages = $3,"
	                   " quota_mailboxes = $4 WHERE id = $1",
	                   "iiii", account_id, (int64_t)limit[QUOTA_STORAGE],
	                   (int64_t)limit[QUOTA_MESSAGE], (int64_t)limit[QUOTA_MAILBOX]);
	return rc == 0 && changed == 0 ? -ENOENT : rc;
}

struct recount_ids {
	struct arena *arena;
	int64_t *ids;
	size_t count;
};

static int recount_note(const struct mailbox_info *info, void *arg)
{
	struct recount_ids *r = arg;
	if (r->count == MAILBOX_PER_ACCOUNT_MAX)
		return -ENFILE;
	r->ids[r->count++] = info->id;
	return 0;
}

static int recount_flags(struct db *db, int64_t mailbox_id, struct mailbox_delta *out)
{
	struct pack_walk w = { .db = db, .mailbox_id = mailbox_id, .uids = &UID_SET_ALL };
	int rc;
	while ((rc = pack_walk_next(&w)) == 0) {
		for (uint32_t i = 0; i < w.pack.count; i++)
			mailbox_delta_flags(out, w.pack.flags[i], 1);
	}
	return rc == -ENODATA ? 0 : rc;
}

static int recount_mailbox(struct db *db, int64_t mailbox_id)
{
	struct mailbox_delta now = { 0 };
	int rc = recount_flags(db, mailbox_id, &now);
	if (rc != 0)
		return rc;
	return db_run(db,
	              "UPDATE mailbox SET message_count = $2, unseen_count = $3,"
	              " deleted_count = $4, size_bytes = (SELECT coalesce(sum(size_bytes), 0)"
	              " FROM message WHERE id >= $5 AND id <= $6) - (SELECT coalesce(sum(bytes), 0)"
	              " FROM expunged_chunk WHERE mailbox_id = $1) WHERE id = $1",
	              "iiiiii", mailbox_id, now.messages, now.unseen, now.deleted,
	              message_key(mailbox_id, 0), message_key(mailbox_id, UINT32_MAX));
}

static int recount_mailboxes(struct db *db, int64_t account_id)
{
	struct recount_ids r = { .arena = arena_new() };
	r.ids = ARENA_ARRAY(r.arena, MAILBOX_PER_ACCOUNT_MAX, int64_t);
	int rc = mailbox_each(db, account_id, recount_note, &r);
	for (size_t i = 0; i < r.count && rc == 0; i++)
		rc = recount_mailbox(db, r.ids[i]);
	arena_free(r.arena);
	return rc;
}

int quota_recount(struct db *db, int64_t account_id, struct quota *before_out,
                  struct quota *after_out)
{
	struct quota before, after;
	int rc = quota_get(db, account_id, &before);
	if (rc == 0)
		rc = recount_mailboxes(db, account_id);
	if (rc == 0)
		rc = db_run(db,
		            "UPDATE account SET"
		            " used_bytes = (SELECT coalesce(sum(size_bytes), 0) FROM mailbox"
		            "  WHERE account_id = $1),"
		            " used_messages = (SELECT coalesce(sum(message_count), 0) FROM mailbox"
		            "  WHERE account_id = $1) WHERE id = $1",
		            "i", account_id);
	if (rc == 0)
		rc = quota_get(db, account_id, &after);
	if (rc != 0)
		return rc;
	*before_out = before;
	*after_out = after;
	return 0;
}

/* --- what EXPUNGE would free --------------------------------------------------------- */

static int deleted_in_pack(struct db *db, int64_t mailbox_id, const struct flag_pack *p,
                           uint64_t *sum)
{
	for (uint32_t i = 0; i < p->count; i++) {
		int64_t bytes;
		if (!(p->flags[i] & FLAG_DELETED))
			continue;
		int rc = db_get_int(db, &bytes, "SELECT size_bytes FROM message WHERE id = $1", "i",
		                    message_key(mailbox_id, pack_uid(p, i)));
		if (rc != 0)
			return rc == -ENODATA ? -EBADMSG : rc;
		*sum += (uint64_t)bytes;
	}
	return 0;
}

int quota_deleted_bytes(struct db *db, int64_t mailbox_id, uint64_t *out)
{
	struct pack_walk w = { .db = db, .mailbox_id = mailbox_id, .uids = &UID_SET_ALL };
	uint64_t sum = 0;
	int64_t deleted;
	int rc = db_get_int(db, &deleted, "SELECT deleted_count FROM mailbox WHERE id = $1", "i",
	                    mailbox_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	while (deleted > 0 && rc == 0 && (rc = pack_walk_next(&w)) == 0)
		rc = deleted_in_pack(db, mailbox_id, &w.pack, &sum);
	if (rc != 0 && rc != -ENODATA)
		return rc;
	*out = sum;
	return 0;
}

/* --- thresholds ---------------------------------------------------------------------- */

/* Folders are counted only where there is a limit of them: this looks at every account. */
#define CROSSING_QUERY                                                                             \
	"SELECT id, address, quota_told, quota_bytes, quota_messages, quota_mailboxes,"            \
	" used_bytes, used_messages, CASE WHEN quota_mailboxes > 0 THEN"                           \
	" (SELECT count(*) FROM mailbox WHERE account_id = account.id) ELSE 0 END"                 \
	" FROM account WHERE id > $1 ORDER BY id LIMIT $2"

static bool crossing_is(const struct db_rows *rows, const unsigned *marks, size_t mark_count,
                        struct quota_crossing *out)
{
	*out = (struct quota_crossing){
		.account_id = db_int(rows, 0),
		.told = (unsigned)db_int(rows, 2),
		.quota = quota_read(rows, 3),
	};
	out->percent = quota_percent(&out->quota);
	for (size_t i = 0; i < mark_count && out->percent >= marks[i]; i++)
		out->mark = marks[i];
	return out->mark != out->told;
}

int quota_find_crossings(struct db *db, struct arena *arena, const unsigned *marks,
                         size_t mark_count, int64_t *after, struct quota_crossing *found,
                         size_t *count_out)
{
	struct db_rows rows;
	size_t seen = 0, count = 0;
	int rc = db_query(db, &rows, CROSSING_QUERY, "ii", *after, (int64_t)QUOTA_LOOK);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		*after = db_int(&rows, 0);
		seen++;
		if (crossing_is(&rows, marks, mark_count, &found[count]))
			found[count++].address = arena_copy(arena, db_text(&rows, 1));
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	*count_out = count;
	return seen == QUOTA_LOOK;
}

int quota_note_told(struct db *db, int64_t account_id, unsigned mark)
{
	return db_run(db, "UPDATE account SET quota_told = $2 WHERE id = $1", "ii", account_id,
	              (int64_t)mark);
}
