/* Finding. */
#include "directory/directory.h"

#include <errno.h>

#include "message/address.h"

#define ACCOUNT_COLUMNS                                                                            \
	"id, address, enabled, quota_bytes, used_bytes, app_only, sent_copy, quota_messages,"      \
	" used_messages"

int directory_canonical_domain(struct arena *a, struct slice text, struct slice *out)
{
	return !domain_is_literal(text) && domain_canonical(a, text, out) ? 0 : -EINVAL;
}

int directory_canonical_address(struct arena *a, struct slice text, struct slice *out)
{
	struct address given, canonical;
	if (!address_parse(a, text, ADDRESS_ALLOW_UTF8, &given) ||
	    !address_canonical(a, &given, &canonical))
		return -EINVAL;
	*out = address_text(a, &canonical);
	return 0;
}

int directory_is_administrator(struct db *db, int64_t account_id, bool *out)
{
	int64_t is = 0;
	int rc = db_get_int(db, &is, "SELECT administrator FROM account WHERE id = $1", "i",
	                    account_id);
	*out = is != 0;
	return rc == -ENODATA ? -ENOENT : rc;
}

/* NULL stays NULL. */
static const char *copy_text(const struct db_rows *rows, int column, struct arena *a)
{
	return db_is_null(rows, column) ? NULL : arena_str(a, db_text(rows, column));
}

static struct account read_account(const struct db_rows *rows, struct arena *a)
{
	return (struct account){ .id = db_int(rows, 0),
		                 .address = arena_str(a, db_text(rows, 1)),
		                 .enabled = db_int(rows, 2) != 0,
		                 .quota_bytes = (uint64_t)db_int(rows, 3),
		                 .used_bytes = (uint64_t)db_int(rows, 4),
		                 .app_only = db_int(rows, 5) != 0,
		                 .sent_copy = db_int(rows, 6) != 0,
		                 .quota_messages = (uint64_t)db_int(rows, 7),
		                 .used_messages = (uint64_t)db_int(rows, 8) };
}

int directory_find_account(struct db *db, struct arena *a, struct slice address,
                           struct account *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT " ACCOUNT_COLUMNS " FROM account WHERE address = $1",
	                  "t", address);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		*out = read_account(&rows, a);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_wants_sent_copy(struct db *db, int64_t account_id, bool *out)
{
	int64_t wanted = 0;
	int rc = db_get_int(db, &wanted, "SELECT sent_copy FROM account WHERE id = $1", "i",
	                    account_id);
	*out = wanted != 0;
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_find_domain(struct db *db, struct arena *a, struct slice domain,
                          const char **catch_all_out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT catch_all FROM domain WHERE name = $1", "t", domain);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		*catch_all_out = copy_text(&rows, 0, a);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_pick_domain(struct db *db, struct arena *a, uint32_t number, const char **name_out)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT name FROM domain ORDER BY id LIMIT 1"
		" OFFSET (SELECT $1 % CASE count(*) WHEN 0 THEN 1 ELSE count(*) END FROM domain)",
		"i", (int64_t)number);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		*name_out = arena_str(a, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* Targets lie in blocks that double, so that the array grows in the arena. */
static const char **grow(struct arena *a, const char **old, size_t count)
{
	if (count & (count - 1))
		return old;
	const char **grown = ARENA_ARRAY(a, count ? count * 2 : 1, const char *);
	if (count > 0)
		memcpy(grown, old, count * sizeof(*grown));
	return grown;
}

int directory_find_alias(struct db *db, struct arena *a, struct slice address, struct alias *out)
{
	struct alias found = { .kind = ALIAS_PLAIN };
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT a.target, coalesce(k.kind, 0) FROM alias a"
	                  " LEFT JOIN alias_kind k ON k.address = a.address"
	                  " WHERE a.address = $1 ORDER BY a.position",
	                  "t", address);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		found.targets = grow(a, found.targets, found.count);
		found.targets[found.count++] = arena_str(a, db_text(&rows, 0));
		found.kind = (enum alias_kind)db_int(&rows, 1);
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	if (found.count == 0)
		return -ENOENT;
	*out = found;
	return 0;
}

int directory_find_local_part(struct db *db, struct arena *a, struct slice local, size_t max,
                              struct slice *out, size_t *count_out)
{
	size_t count = 0;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT a.address FROM domain d"
	                  " JOIN account a ON a.address = $1 || '@' || d.name"
	                  " UNION SELECT l.address FROM domain d"
	                  " JOIN alias l ON l.address = $1 || '@' || d.name"
	                  " ORDER BY 1 LIMIT $2",
	                  "ti", local, (int64_t)max);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		out[count++] = arena_copy(a, db_text(&rows, 0));
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	*count_out = count;
	return 0;
}

static int find_by_local_part(struct db *db, struct arena *a, struct slice local,
                              struct account *out)
{
	struct db_rows rows;
	bool found = false;
	int rc = db_query(db, &rows,
	                  "SELECT a.id, a.address, a.enabled, a.quota_bytes, a.used_bytes,"
	                  " a.app_only, a.sent_copy, a.quota_messages, a.used_messages"
	                  " FROM domain d JOIN account a ON a.address = $1 || '@' || d.name"
	                  " LIMIT 2",
	                  "t", local);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		if (found)
			rc = -ENOENT;
		*out = read_account(&rows, a);
		found = true;
	}
	db_end(&rows);
	if (rc == -ENODATA)
		return found ? 0 : -ENOENT;
	return rc;
}

int directory_find_login(struct db *db, struct arena *a, struct slice name, struct account *out)
{
	struct slice address;
	if (slice_find_byte(name, '@') < 0)
		return find_by_local_part(db, a, arena_lower(a, name), out);
	if (directory_canonical_address(a, name, &address) < 0)
		return -ENOENT;
	return directory_find_account(db, a, address, out);
}

int directory_get_verifier(struct db *db, struct arena *a, int64_t account_id, const char *kind,
                           const char **verifier_out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT value FROM credential"
	                  " WHERE account_id = $1 AND kind = $2 AND name = ''",
	                  "is", account_id, kind);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		*verifier_out = arena_str(a, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_has_kind(struct db *db, const char *kind, bool *has_out)
{
	int64_t one;
	int rc = db_get_int(db, &one, "SELECT 1 FROM credential WHERE kind = $1 LIMIT 1", "s",
	                    kind);
	if (rc < 0 && rc != -ENODATA)
		return rc;
	*has_out = rc == 0;
	return 0;
}

int directory_each_account_after(struct db *db, struct slice after, directory_account_visit visit,
                                 void *arg)
{
	struct db_rows rows;
	struct arena *arena = arena_new();
	int rc = db_query(db, &rows,
	                  "SELECT " ACCOUNT_COLUMNS " FROM account WHERE address > $1"
	                  " ORDER BY address",
	                  "t", after);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct account account = read_account(&rows, arena);
		rc = visit(&account, arg);
		arena_reset(arena);
	}
	db_end(&rows);
	arena_free(arena);
	return rc == -ENODATA ? 0 : rc;
}

int directory_each_account(struct db *db, directory_account_visit visit, void *arg)
{
	return directory_each_account_after(db, SLICE_EMPTY, visit, arg);
}

int directory_each_domain(struct db *db, directory_domain_visit visit, void *arg)
{
	struct db_rows rows;
	struct arena *arena = arena_new();
	int rc = db_query(db, &rows, "SELECT name, catch_all FROM domain ORDER BY name", "");
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		rc = visit(arena_str(arena, db_text(&rows, 0)), copy_text(&rows, 1, arena), arg);
		arena_reset(arena);
	}
	db_end(&rows);
	arena_free(arena);
	return rc == -ENODATA ? 0 : rc;
}

int directory_each_alias_after(struct db *db, struct slice after, directory_alias_visit visit,
                               void *arg)
{
	struct db_rows rows;
	struct arena *arena = arena_new();
	int rc = db_query(db, &rows,
	                  "SELECT a.address, a.target, coalesce(k.kind, 0) FROM alias a"
	                  " LEFT JOIN alias_kind k ON k.address = a.address"
	                  " WHERE a.address > $1 ORDER BY a.address, a.position",
	                  "t", after);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const char *address = arena_str(arena, db_text(&rows, 0));
		rc = visit(address, arena_str(arena, db_text(&rows, 1)),
		           (enum alias_kind)db_int(&rows, 2), arg);
		arena_reset(arena);
	}
	db_end(&rows);
	arena_free(arena);
	return rc == -ENODATA ? 0 : rc;
}

int directory_each_alias(struct db *db, directory_alias_visit visit, void *arg)
{
	return directory_each_alias_after(db, SLICE_EMPTY, visit, arg);
}
