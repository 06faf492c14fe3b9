#include "mailbox/sent.h"

#include <errno.h>

#define SENT_NAME SLICE("Sent")

int sent_find(struct db *db, struct arena *arena, int64_t account_id, struct mailbox_info *out)
{
	int64_t id;
	int rc = db_get_int(db, &id,
	                    "SELECT id FROM mailbox WHERE account_id = $1 AND special_use = $2"
	                    " ORDER BY id LIMIT 1",
	                    "ii", account_id, (int64_t)USE_SENT);
	if (rc == -ENODATA)
		return mailbox_find(db, arena, account_id, SENT_NAME, out);
	return rc == 0 ? mailbox_get(db, arena, id, out) : rc;
}

int sent_get(struct db *db, struct arena *arena, int64_t account_id, struct mailbox_info *out)
{
	int64_t id;
	int rc = sent_find(db, arena, account_id, out);
	if (rc != -ENOENT)
		return rc;
	rc = mailbox_create(db, account_id, SENT_NAME, USE_SENT, &id);
	if (rc == 0)
		rc = mailbox_subscribe(db, account_id, SENT_NAME, true);
	return rc == 0 ? mailbox_get(db, arena, id, out) : rc;
}

int sent_note(struct db *db, int64_t mailbox_id, struct slice message_id, uint32_t uid,
              enum sent_by by, int64_t now_ms)
{
	int rc = db_run(db, "DELETE FROM sent_copy WHERE filed_ms < $1", "i",
	                now_ms - SENT_WINDOW_MS);
	if (rc < 0 || message_id.len == 0)
		return rc;
	return db_run(db,
	              "INSERT INTO sent_copy (mailbox_id, message_id, uid, by_client, filed_ms)"
	              " VALUES ($1, $2, $3, $4, $5)"
	              " ON CONFLICT (mailbox_id, message_id) DO UPDATE SET uid = excluded.uid,"
	              " by_client = excluded.by_client, filed_ms = excluded.filed_ms",
	              "ibiii", mailbox_id, message_id, (int64_t)uid, (int64_t)by, now_ms);
}

int sent_take(struct db *db, int64_t mailbox_id, struct slice message_id, enum sent_by by,
              int64_t now_ms, uint32_t *uid_out)
{
	int64_t uid;
	int rc = db_get_int(db, &uid,
	                    "SELECT s.uid FROM sent_copy s"
	                    " JOIN message m ON m.id = s.mailbox_id * 4294967296 + s.uid"
	                    " WHERE s.mailbox_id = $1 AND s.message_id = $2 AND s.by_client = $3"
	                    " AND s.filed_ms >= $4",
	                    "ibii", mailbox_id, message_id, (int64_t)by, now_ms - SENT_WINDOW_MS);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM sent_copy WHERE mailbox_id = $1 AND message_id = $2",
		            "ib", mailbox_id, message_id);
	if (rc == 0)
		*uid_out = (uint32_t)uid;
	return rc == -ENODATA ? -ENOENT : rc;
}
