#include "trust/dkim_rows.h"

#include <errno.h>

const char *dkim_state_name(enum dkim_state state)
{
	static const char *const names[] = {
		[DKIM_WAITS] = "waiting", [DKIM_ACTIVE] = "active", [DKIM_OLD] = "old"
	};
	return names[state];
}

int dkim_row_add(struct db *db, const struct dkim_row *row)
{
	int64_t count = 0;
	int rc = db_get_int(db, &count,
	                    "SELECT COUNT(*) FROM dkim_key WHERE domain = $1 AND selector = $2",
	                    "tt", row->domain, row->selector);
	if (rc < 0 || count > 0)
		return rc < 0 ? rc : -EEXIST;
	return db_run(db,
	              "INSERT INTO dkim_key (domain, selector, algorithm, state, created_ms,"
	              " until_ms, private_key) VALUES ($1, $2, $3, $4, $5, $6, $7)",
	              "ttiiiib", row->domain, row->selector, (int64_t)row->algorithm,
	              (int64_t)row->state, row->created_ms, row->until_ms, row->private_key);
}

static bool is_sound(const struct dkim_row *row)
{
	return row->algorithm >= DKIM_RSA_SHA256 && row->algorithm <= DKIM_ED25519_SHA256 &&
	       row->state <= DKIM_OLD;
}

int dkim_row_each(struct db *db, struct slice domain, dkim_row_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT domain, selector, algorithm, state, created_ms, until_ms,"
	                  " private_key FROM dkim_key WHERE $1 = '' OR domain = $1"
	                  " ORDER BY domain, created_ms, algorithm, selector",
	                  "t", domain);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct dkim_row row = {
			.domain = db_text(&rows, 0),
			.selector = db_text(&rows, 1),
			.algorithm = (enum dkim_algorithm)db_int(&rows, 2),
			.state = (enum dkim_state)db_int(&rows, 3),
			.created_ms = db_int(&rows, 4),
			.until_ms = db_int(&rows, 5),
			.private_key = db_bytes(&rows, 6),
		};
		if (is_sound(&row))
			rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int dkim_row_activate(struct db *db, struct slice domain, struct slice selector, int64_t until_ms)
{
	int64_t changed = 0;
	int rc = db_run(db,
	                "UPDATE dkim_key SET state = 2, until_ms = $3 WHERE domain = $1"
	                " AND selector <> $2 AND state = 1 AND algorithm ="
	                " (SELECT k.algorithm FROM dkim_key AS k WHERE k.domain = $1"
	                " AND k.selector = $2)",
	                "tti", domain, selector, until_ms);
	if (rc == 0)
		rc = db_change(db, &changed,
		               "UPDATE dkim_key SET state = 1, until_ms = 0 WHERE domain = $1"
		               " AND selector = $2",
		               "tt", domain, selector);
	return rc < 0 || changed > 0 ? rc : -ENOENT;
}

int dkim_row_remove(struct db *db, struct slice domain, struct slice selector)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed,
	                   "DELETE FROM dkim_key WHERE domain = $1 AND ($2 = '' OR selector = $2)",
	                   "tt", domain, selector);
	return rc < 0 || changed > 0 ? rc : -ENOENT;
}

int dkim_row_expire(struct db *db, int64_t now_ms, int64_t *count_out)
{
	return db_change(db, count_out, "DELETE FROM dkim_key WHERE state = 2 AND until_ms <= $1",
	                 "i", now_ms);
}
