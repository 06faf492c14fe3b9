/* What is kept of an account has an end by size, too, or whoever adds mail and expunges it could
 * fill the disk without a quota to stop him. The oldest goes first, some 256 messages at a time. */
#include <errno.h>

#include "mailbox/mailbox_keep.h"

enum { CHUNKS_AT_ONCE = 512 };

#define OWNER "CASE m.account_id WHEN 0 THEN m.gone_account ELSE m.account_id END"

struct excess {
	uint64_t max_bytes;
	int64_t owner_id; /* who has more, or public */
	int64_t bytes;    /* so much more */
	int64_t chunks[CHUNKS_AT_ONCE];
	size_t count;
};

/* The next owner who has too much. -ENODATA. */
static int find_owner(struct db *db, void *arg)
{
	struct excess *x = arg;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " OWNER ", sum(e.bytes) FROM expunged_chunk e"
	                  " JOIN mailbox m ON m.id = e.mailbox_id"
	                  " WHERE e.at_ms > 0 AND " OWNER " > $1"
	                  " GROUP BY 1 HAVING sum(e.bytes) > $2 ORDER BY 1 LIMIT 1",
	                  "ii", x->owner_id, (int64_t)x->max_bytes);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		x->owner_id = db_int(&rows, 0);
		x->bytes = db_int(&rows, 1) - (int64_t)x->max_bytes;
	}
	db_end(&rows);
	return rc;
}

static int find_oldest(struct db *db, void *arg)
{
	struct excess *x = arg;
	struct db_rows rows;
	int64_t left = x->bytes;
	x->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT e.id, e.bytes FROM expunged_chunk e"
	                  " JOIN mailbox m ON m.id = e.mailbox_id"
	                  " WHERE e.at_ms > 0 AND (m.account_id = $1"
	                  " OR (m.account_id = 0 AND m.gone_account = $1))"
	                  " ORDER BY e.at_ms, e.id LIMIT $2",
	                  "ii", x->owner_id, (int64_t)CHUNKS_AT_ONCE);
	while (rc == 0 && left > 0 && (rc = db_next(&rows)) == 0) {
		x->chunks[x->count++] = db_int(&rows, 0);
		left -= db_int(&rows, 1);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Nobody wants them any more: mailbox_forget() takes them away. What was brought back meanwhile is
 * not there. */
static int end_them(struct db *db, void *arg)
{
	const struct excess *x = arg;
	int rc = 0;
	for (size_t i = 0; i < x->count && rc == 0; i++)
		rc = db_run(db, "UPDATE expunged_chunk SET at_ms = 0 WHERE id = $1", "i",
		            x->chunks[i]);
	return rc;
}

static int end_oldest(const struct mailbox_forget *f, struct excess *x)
{
	int rc = store_read(f->store, find_oldest, x);
	return rc == 0 && x->count > 0 ? store_commit(f->store, NULL, 0, end_them, x) : rc;
}

int mailbox_keep_limit(const struct mailbox_forget *f, uint64_t max_bytes)
{
	struct excess *x = mem_zero(1, sizeof(*x));
	int rc;
	x->max_bytes = max_bytes;
	x->owner_id = INT64_MIN;
	while ((rc = store_read(f->store, find_owner, x)) == 0) {
		rc = end_oldest(f, x);
		if (rc < 0)
			break;
		/* There may be more of this one, if something was found at all. */
		x->owner_id -= x->count > 0;
	}
	free(x);
	return rc == -ENODATA ? 0 : rc;
}
