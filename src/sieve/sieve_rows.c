#include "sieve/sieve_rows.h"

#include <errno.h>

#include <openssl/evp.h>

#include "base/codec.h"

enum { FORGET_AT_ONCE = 20 };

bool sieve_name_is_valid(struct slice name)
{
	bool valid = name.len > 0 && name.len <= SIEVE_NAME_MAX && slice_is_utf8(name);
	for (size_t i = 0; i < name.len && valid; i++) {
		unsigned char c = (unsigned char)name.data[i];
		/* C1 controls are C2 80 to C2 9F; U+2028 and U+2029 end lines as well. */
		bool c1 = c == 0xC2 && i + 1 < name.len && (unsigned char)name.data[i + 1] < 0xA0;
		bool line = slice_starts_with(slice_from(name, i), SLICE("\xE2\x80\xA8")) ||
		            slice_starts_with(slice_from(name, i), SLICE("\xE2\x80\xA9"));
		valid = c >= ' ' && c != 0x7F && c != '/' && !c1 && !line;
	}
	return valid;
}

static int find_script(struct db *db, int64_t account_id, struct slice name, int64_t *id_out)
{
	int rc = db_get_int(db, id_out,
	                    "SELECT id FROM sieve_script WHERE account_id = $1 AND name = $2", "it",
	                    account_id, name);
	return rc == -ENODATA ? -ENOENT : rc;
}

int sieve_count_scripts(struct db *db, int64_t account_id, int64_t *count_out)
{
	return db_get_int(db, count_out, "SELECT count(*) FROM sieve_script WHERE account_id = $1",
	                  "i", account_id);
}

int sieve_put_script(struct db *db, int64_t account_id, struct slice name, struct slice content,
                     int64_t now_ms, unsigned max_scripts)
{
	int64_t count = 0, id;
	if (!sieve_name_is_valid(name))
		return -EINVAL;
	int rc = find_script(db, account_id, name, &id);
	if (rc == 0)
		return db_run(db,
		              "UPDATE sieve_script SET content = $1, changed_ms = $2 WHERE id = $3",
		              "bii", content, now_ms, id);
	if (rc != -ENOENT)
		return rc;
	rc = sieve_count_scripts(db, account_id, &count);
	if (rc == 0 && count >= (int64_t)max_scripts)
		rc = -EDQUOT;
	if (rc < 0)
		return rc;
	return db_run(db,
	              "INSERT INTO sieve_script (account_id, name, content, active, changed_ms) "
	              "VALUES ($1, $2, $3, 0, $4)",
	              "itbi", account_id, name, content, now_ms);
}

int sieve_has_script(struct db *db, int64_t account_id, struct slice name)
{
	int64_t id;
	int rc = find_script(db, account_id, name, &id);
	return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

int sieve_get_script(struct db *db, struct arena *arena, int64_t account_id, struct slice name,
                     struct slice *content_out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT content FROM sieve_script WHERE account_id = $1 AND name = $2",
	                  "it", account_id, name);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*content_out = arena_copy(arena, db_bytes(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int sieve_each_script(struct db *db, int64_t account_id,
                      int (*visit)(const struct sieve_script_row *row, void *arg), void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT name, active, length(content), changed_ms FROM sieve_script "
	                  "WHERE account_id = $1 ORDER BY name",
	                  "i", account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct sieve_script_row row = { .name = db_text(&rows, 0),
			                              .active = db_int(&rows, 1) != 0,
			                              .size_bytes = db_int(&rows, 2),
			                              .changed_ms = db_int(&rows, 3) };
		rc = visit(&row, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int sieve_activate_script(struct db *db, int64_t account_id, struct slice name)
{
	int64_t id = 0;
	int rc = name.len > 0 ? find_script(db, account_id, name, &id) : 0;
	if (rc == 0)
		rc = db_run(
			db,
			"UPDATE sieve_script SET active = 0 WHERE account_id = $1 AND active = 1",
			"i", account_id);
	if (rc == 0 && id != 0)
		rc = db_run(db, "UPDATE sieve_script SET active = 1 WHERE id = $1", "i", id);
	return rc;
}

int sieve_delete_script(struct db *db, int64_t account_id, struct slice name)
{
	int64_t id, active;
	int rc = find_script(db, account_id, name, &id);
	if (rc == 0)
		rc = db_get_int(db, &active, "SELECT active FROM sieve_script WHERE id = $1", "i",
		                id);
	if (rc == 0 && active)
		rc = -EBUSY;
	return rc < 0 ? rc : db_run(db, "DELETE FROM sieve_script WHERE id = $1", "i", id);
}

int sieve_rename_script(struct db *db, int64_t account_id, struct slice from, struct slice to)
{
	int64_t id, other;
	if (!sieve_name_is_valid(to))
		return -EINVAL;
	int rc = find_script(db, account_id, from, &id);
	if (rc < 0)
		return rc;
	rc = find_script(db, account_id, to, &other);
	if (rc != -ENOENT)
		return rc < 0 ? rc : -EEXIST;
	return db_run(db, "UPDATE sieve_script SET name = $1 WHERE id = $2", "ti", to, id);
}

int sieve_active_name(struct db *db, struct arena *arena, int64_t account_id,
                      struct slice *name_out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT name FROM sieve_script WHERE account_id = $1 AND active = 1", "i",
	                  account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*name_out = arena_copy(arena, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* --- what is remembered ---------------------------------------------------------------- */

/* Keys come from messages and have any length: a digest of them is kept. */
static struct slice digest_of(struct slice key, char out[static 65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_Digest(key.data, key.len, digest, &len, EVP_sha256(), NULL);
	for (unsigned i = 0; i < 16 && i < len; i++)
		snprintf(out + (size_t)i * 2, 3, "%02x", digest[i]);
	return slice_of(out, 32);
}

int sieve_remembers(struct db *db, int64_t account_id, enum sieve_memory kind, struct slice key,
                    int64_t now_ms)
{
	char text[65];
	int64_t until_ms;
	int rc = db_get_int(db, &until_ms,
	                    "SELECT until_ms FROM sieve_memory WHERE account_id = $1 AND "
	                    "kind = $2 AND key = $3",
	                    "iit", account_id, (int64_t)kind, digest_of(key, text));
	if (rc == -ENODATA)
		return 0;
	return rc < 0 ? rc : until_ms > now_ms;
}

/* Some at a time, so that no commit is long. */
static int forget_past(struct db *db, int64_t now_ms)
{
	return db_run(db,
	              "DELETE FROM sieve_memory WHERE (account_id, kind, key) IN "
	              "(SELECT account_id, kind, key FROM sieve_memory WHERE until_ms <= $1 "
	              "ORDER BY until_ms LIMIT $2)",
	              "ii", now_ms, (int64_t)FORGET_AT_ONCE);
}

int sieve_remember(struct db *db, int64_t account_id, enum sieve_memory kind, struct slice key,
                   int64_t now_ms, int64_t until_ms)
{
	char text[65];
	int rc = db_run(db,
	                "INSERT INTO sieve_memory (account_id, kind, key, until_ms) "
	                "VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, kind, key) "
	                "DO UPDATE SET until_ms = excluded.until_ms",
	                "iiti", account_id, (int64_t)kind, digest_of(key, text), until_ms);
	return rc < 0 ? rc : forget_past(db, now_ms);
}

int sieve_remove_account(struct db *db, int64_t account_id)
{
	int rc = db_run(db, "DELETE FROM sieve_script WHERE account_id = $1", "i", account_id);
	if (rc < 0)
		return rc;
	return db_run(db, "DELETE FROM sieve_memory WHERE account_id = $1", "i", account_id);
}
