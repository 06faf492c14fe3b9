#include "mailbox/key_row.h"

#include <errno.h>

#include "mailbox/mailbox_rows.h"

#define KEY_ROW_QUERY(threads, texts)                                                              \
	"SELECT id, numbers, " threads ", " texts " FROM key_chunk WHERE id >= $1 AND id <= $2"    \
	" ORDER BY id"

int key_row_each(struct db *db, int64_t mailbox_id, uint32_t first, uint32_t last, unsigned parts,
                 int (*visit)(const struct key_row *row, void *arg), void *arg)
{
	/* What is not asked for is not read: it lies on pages of its own. */
	static const char *const queries[] = {
		KEY_ROW_QUERY("NULL", "NULL"),
		KEY_ROW_QUERY("threads", "NULL"),
		KEY_ROW_QUERY("NULL", "texts"),
		KEY_ROW_QUERY("threads", "texts"),
	};
	struct db_rows rows;
	int rc = db_query(db, &rows, queries[parts], "ii", pack_key(mailbox_id, first),
	                  pack_key(mailbox_id, last));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct key_row row = {
			.number = (uint32_t)(db_int(&rows, 0) - pack_key(mailbox_id, 0)),
			.numbers = db_bytes(&rows, 1),
			.threads = db_bytes(&rows, 2),
			.texts = db_bytes(&rows, 3),
		};
		rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int key_row_lacking(struct db *db, int64_t mailbox_id, uint32_t numbers_out[KEY_ROWS_AT_ONCE],
                    size_t *count_out)
{
	struct db_rows rows;
	int64_t uid_next;
	size_t count = 0;
	int rc = db_get_int(db, &uid_next,
	                    "SELECT uid_next FROM mailbox WHERE id = $1 AND account_id <> 0", "i",
	                    mailbox_id);
	if (rc != 0)
		return rc == -ENODATA ? -ENOENT : rc;
	rc = db_query(db, &rows,
	              "SELECT id FROM flag_chunk WHERE id >= $1 AND id < $2 AND NOT EXISTS"
	              " (SELECT 1 FROM key_chunk WHERE key_chunk.id = flag_chunk.id)"
	              " ORDER BY id LIMIT $3",
	              "iii", pack_key(mailbox_id, 0),
	              pack_key(mailbox_id, (uint32_t)((uid_next - 1) / PACK_UIDS)),
	              (int64_t)KEY_ROWS_AT_ONCE);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		numbers_out[count++] = (uint32_t)(db_int(&rows, 0) - pack_key(mailbox_id, 0));
	db_end(&rows);
	*count_out = count;
	return rc == -ENODATA ? 0 : rc;
}

int key_row_save(struct db *db, int64_t mailbox_id, const struct key_row *row)
{
	return db_run(db,
	              "INSERT INTO key_chunk (id, numbers, threads, texts) VALUES ($1, $2, $3, $4)"
	              " ON CONFLICT (id) DO NOTHING",
	              "ibbb", pack_key(mailbox_id, row->number), row->numbers, row->threads,
	              row->texts);
}

int key_row_trim(struct db *db, int64_t mailbox_id)
{
	return db_run(db,
	              "DELETE FROM key_chunk WHERE id >= $1 AND id <= $2 AND NOT EXISTS"
	              " (SELECT 1 FROM flag_chunk WHERE flag_chunk.id = key_chunk.id)",
	              "ii", pack_key(mailbox_id, 0), pack_key(mailbox_id, pack_number(UINT32_MAX)));
}
