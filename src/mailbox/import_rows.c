#include "mailbox/import_rows.h"

#include <errno.h>

#include "base/hash.h"

enum { ITEMS_AT_ONCE = 4096 };

/* Keys are kept as numbers: a row of some 20 bytes a message. With 2^64 of them and a million
 * messages a source the chance that any two meet is below one in 10^7. */
static int64_t key_number(struct slice key)
{
	static const uint64_t secret[2] = { UINT64_C(0x696d706f72742031),
		                            UINT64_C(0x76657265647573) };
	return (int64_t)hash_bytes_keyed(secret, key);
}

int import_find_source(struct db *db, int64_t account_id, struct slice name, int64_t *id_out)
{
	int rc = db_get_int(db, id_out,
	                    "SELECT id FROM import_source WHERE account_id = $1 AND name = $2",
	                    "it", account_id, name);
	return rc == -ENODATA ? -ENOENT : rc;
}

int import_get_source(struct db *db, int64_t account_id, struct slice name, int64_t *id_out)
{
	int rc = import_find_source(db, account_id, name, id_out);
	if (rc != -ENOENT)
		return rc;
	return db_insert(db, id_out,
	                 "INSERT INTO import_source (account_id, name, state) VALUES ($1, $2, '')",
	                 "it", account_id, name);
}

int import_get_state(struct db *db, struct arena *arena, int64_t source_id, struct slice *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT state FROM import_source WHERE id = $1", "i",
	                  source_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = arena_copy(arena, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int import_set_state(struct db *db, int64_t source_id, struct slice state)
{
	return db_run(db, "UPDATE import_source SET state = $2 WHERE id = $1", "it", source_id,
	              state);
}

static struct import_item item_of(const struct db_rows *rows)
{
	return (struct import_item){ .mailbox_id = db_int(rows, 0),
		                     .uid = (uint32_t)db_int(rows, 1),
		                     .source_uid = (uint32_t)db_int(rows, 2),
		                     .brought = db_int(rows, 3) != 0 };
}

int import_find_item(struct db *db, int64_t source_id, struct slice key, struct import_item *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT mailbox_id, uid, source_uid, brought FROM import_item"
	                  " WHERE source_id = $1 AND key = $2",
	                  "ii", source_id, key_number(key));
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = item_of(&rows);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int import_each_item(struct db *db, int64_t source_id, int64_t *after,
                     void (*visit)(int64_t number, const struct import_item *item, void *arg),
                     void *arg)
{
	struct db_rows rows;
	bool any = false;
	int rc = db_query(db, &rows,
	                  "SELECT mailbox_id, uid, source_uid, brought, key FROM import_item"
	                  " WHERE source_id = $1 AND key > $2 ORDER BY key LIMIT $3",
	                  "iii", source_id, *after, (int64_t)ITEMS_AT_ONCE);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct import_item item = item_of(&rows);
		any = true;
		*after = db_int(&rows, 4);
		visit(*after, &item, arg);
	}
	db_end(&rows);
	return rc == -ENODATA && any ? 0 : rc;
}

int import_note_item(struct db *db, int64_t source_id, struct slice key,
                     const struct import_item *item)
{
	return db_run(db,
	              "INSERT INTO import_item"
	              " (source_id, key, mailbox_id, uid, source_uid, brought)"
	              " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source_id, key) DO UPDATE"
	              " SET mailbox_id = excluded.mailbox_id, uid = excluded.uid,"
	              " source_uid = excluded.source_uid, brought = excluded.brought",
	              "iiiiii", source_id, key_number(key), item->mailbox_id, (int64_t)item->uid,
	              (int64_t)item->source_uid, (int64_t)item->brought);
}

int import_forget_number(struct db *db, int64_t source_id, int64_t number)
{
	return db_run(db, "DELETE FROM import_item WHERE source_id = $1 AND key = $2", "ii",
	              source_id, number);
}

int import_forget_uids(struct db *db, int64_t source_id)
{
	return db_run(db, "UPDATE import_item SET source_uid = 0 WHERE source_id = $1", "i",
	              source_id);
}

int import_next_source(struct db *db, int64_t account_id, int64_t *source_id)
{
	return db_get_int(db, source_id,
	                  "SELECT id FROM import_source WHERE account_id = $1 AND id > $2"
	                  " ORDER BY id LIMIT 1",
	                  "ii", account_id, *source_id);
}

int import_forget_source(struct db *db, int64_t source_id)
{
	int rc = db_run(db, "DELETE FROM import_item WHERE source_id = $1", "i", source_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM import_source WHERE id = $1", "i", source_id);
	return rc;
}

int import_remove_account(struct db *db, int64_t account_id)
{
	int rc = db_run(db,
	                "DELETE FROM import_item WHERE source_id IN"
	                " (SELECT id FROM import_source WHERE account_id = $1)",
	                "i", account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM import_source WHERE account_id = $1", "i", account_id);
	return rc;
}
