/* Changing. Each function checks before it writes, in one transaction with it: the closure is
 * rolled back as a whole when it fails. */
#include <errno.h>

#include "base/clock.h"
#include "directory/directory.h"

static struct slice domain_of(struct slice address)
{
	return slice_from(address, (size_t)slice_find_last_byte(address, '@') + 1);
}

/* 0 if a statement changed a row, -ENOENT if none. */
static int changed_one(int rc, int64_t changed)
{
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -ENOENT;
}

static int domain_id(struct db *db, struct slice domain, int64_t *id_out)
{
	int rc = db_get_int(db, id_out, "SELECT id FROM domain WHERE name = $1", "t", domain);
	return rc == -ENODATA ? -ENOENT : rc;
}

static int account_id(struct db *db, struct slice address, int64_t *id_out)
{
	int rc = db_get_int(db, id_out, "SELECT id FROM account WHERE address = $1", "t", address);
	return rc == -ENODATA ? -ENOENT : rc;
}

static int add_domain(struct db *db, struct slice domain)
{
	return db_run(db, "INSERT INTO domain (name, kind, created_ms) VALUES ($1, 'local', $2)",
	              "ti", domain, clock_wall_ms());
}

int directory_add_domain(struct db *db, struct slice domain)
{
	struct arena *a = arena_new();
	struct slice canonical;
	int rc = directory_canonical_domain(a, domain, &canonical);
	if (rc == 0)
		rc = add_domain(db, canonical);
	arena_free(a);
	return rc;
}

struct domain_use {
	struct slice domain;
	bool used;
};

static int note_alias_use(const char *address, const char *target, enum alias_kind kind, void *arg)
{
	struct domain_use *use = arg;
	(void)target;
	(void)kind;
	use->used = slice_equal(domain_of(slice_from_str(address)), use->domain);
	return use->used ? 1 : 0;
}

static int domain_is_used(struct db *db, int64_t id, struct slice domain, bool *used_out)
{
	int64_t accounts;
	struct domain_use use = { .domain = domain };
	int rc = db_get_int(db, &accounts, "SELECT count(*) FROM account WHERE domain_id = $1", "i",
	                    id);
	if (rc == 0)
		rc = directory_each_alias(db, note_alias_use, &use);
	if (rc < 0)
		return rc;
	*used_out = accounts > 0 || use.used;
	return 0;
}

int directory_remove_domain(struct db *db, struct slice domain)
{
	int64_t id;
	bool used = false;
	int rc = domain_id(db, domain, &id);
	if (rc == 0)
		rc = domain_is_used(db, id, domain, &used);
	if (rc < 0)
		return rc;
	if (used)
		return -ENOTEMPTY;
	return db_run(db, "DELETE FROM domain WHERE id = $1", "i", id);
}

int directory_set_catch_all(struct db *db, struct slice domain, const char *address)
{
	struct arena *a = arena_new();
	struct slice canonical = SLICE_EMPTY;
	int64_t changed = 0;
	int rc = 0;
	if (address)
		rc = directory_canonical_address(a, slice_from_str(address), &canonical);
	if (rc == 0)
		rc = db_change(db, &changed, "UPDATE domain SET catch_all = $2 WHERE name = $1",
		               "ts", domain, address ? arena_str(a, canonical) : NULL);
	arena_free(a);
	return changed_one(rc, changed);
}

static int add_verifiers(struct db *db, int64_t id, const struct directory_verifier *verifiers,
                         size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = db_run(db,
		            "INSERT INTO credential (account_id, kind, name, value, created_ms)"
		            " VALUES ($1, $2, '', $3, $4)",
		            "issi", id, verifiers[i].kind, verifiers[i].value, clock_wall_ms());
	return rc;
}

/* Invariant 2. */
static int check_no_alias(struct db *db, struct slice address)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM alias WHERE address = $1", "t",
	                    address);
	if (rc < 0)
		return rc;
	return count > 0 ? -EEXIST : 0;
}

static int check_no_account(struct db *db, struct slice address)
{
	int64_t id;
	int rc = account_id(db, address, &id);
	if (rc == -ENOENT)
		return 0;
	return rc == 0 ? -EEXIST : rc;
}

static int add_account(struct db *db, struct slice address, const struct account_new *account,
                       int64_t *id_out)
{
	int64_t domain;
	int rc = domain_id(db, domain_of(address), &domain);
	if (rc == 0)
		rc = check_no_alias(db, address);
	if (rc == 0)
		rc = check_no_account(db, address);
	if (rc == 0)
		rc = db_insert(db, id_out,
		               "INSERT INTO account (address, domain_id, quota_bytes, created_ms,"
		               " quota_messages, quota_mailboxes) VALUES ($1, $2, $3, $4, $5, $6)",
		               "tiiiii", address, domain, (int64_t)account->quota_bytes,
		               clock_wall_ms(), (int64_t)account->quota_messages,
		               (int64_t)account->quota_mailboxes);
	if (rc == 0)
		rc = add_verifiers(db, *id_out, account->verifiers, account->verifier_count);
	return rc;
}

int directory_add_account(struct db *db, const struct account_new *account, int64_t *id_out)
{
	struct arena *a = arena_new();
	struct slice address;
	int64_t id = 0;
	int rc = directory_canonical_address(a, account->address, &address);
	if (rc == 0)
		rc = add_account(db, address, account, &id);
	if (rc == 0 && account->made)
		rc = account->made(db, id, account->arg);
	if (rc == 0 && id_out)
		*id_out = id;
	arena_free(a);
	return rc;
}

int directory_set_verifiers(struct db *db, struct slice address,
                            const struct directory_verifier *verifiers, size_t count)
{
	int64_t id;
	int rc = account_id(db, address, &id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM credential WHERE account_id = $1 AND name = ''", "i",
		            id);
	if (rc == 0)
		rc = add_verifiers(db, id, verifiers, count);
	return rc;
}

int directory_set_quota(struct db *db, struct slice address, uint64_t quota_bytes)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "UPDATE account SET quota_bytes = $2 WHERE address = $1",
	                   "ti", address, (int64_t)quota_bytes);
	return changed_one(rc, changed);
}

int directory_set_enabled(struct db *db, struct slice address, bool enabled)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "UPDATE account SET enabled = $2 WHERE address = $1", "ti",
	                   address, (int64_t)enabled);
	return changed_one(rc, changed);
}

int directory_set_sent_copy(struct db *db, struct slice address, bool wanted)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "UPDATE account SET sent_copy = $2 WHERE address = $1",
	                   "ti", address, (int64_t)wanted);
	return changed_one(rc, changed);
}

int directory_set_administrator(struct db *db, struct slice address, bool administrator)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "UPDATE account SET administrator = $2 WHERE address = $1",
	                   "ti", address, (int64_t)administrator);
	return changed_one(rc, changed);
}

int directory_set_app_only(struct db *db, struct slice address, bool app_only)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "UPDATE account SET app_only = $2 WHERE address = $1",
	                   "ti", address, (int64_t)app_only);
	return changed_one(rc, changed);
}

int directory_remove_account(struct db *db, struct slice address)
{
	int64_t id;
	int rc = account_id(db, address, &id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM credential WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM certificate WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM app_password WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM send_as WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM pop3_terms WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM pop3_login WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM fetch_domain WHERE account_id = $1", "i", id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM account WHERE id = $1", "i", id);
	return rc;
}

static int add_alias(struct db *db, struct slice address, struct slice target)
{
	int64_t domain;
	int rc = domain_id(db, domain_of(address), &domain);
	if (rc == 0)
		rc = check_no_account(db, address);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO alias (address, target, position)"
		            " SELECT $1, $2, coalesce(max(position), 0) + 1"
		            " FROM alias WHERE address = $1",
		            "tt", address, target);
	return rc;
}

int directory_add_alias(struct db *db, struct slice address, struct slice target)
{
	struct arena *a = arena_new();
	struct slice from, to;
	int rc = directory_canonical_address(a, address, &from);
	if (rc == 0)
		rc = directory_canonical_address(a, target, &to);
	if (rc == 0)
		rc = add_alias(db, from, to);
	arena_free(a);
	return rc;
}

int directory_set_alias_kind(struct db *db, struct slice address, enum alias_kind kind)
{
	int64_t changed;
	int rc = db_run(db, "DELETE FROM alias_kind WHERE address = $1", "t", address);
	if (rc < 0 || kind == ALIAS_PLAIN)
		return rc;
	rc = db_change(db, &changed,
	               "INSERT INTO alias_kind (address, kind) SELECT $1, $2"
	               " WHERE EXISTS (SELECT 1 FROM alias WHERE address = $1)",
	               "ti", address, (int64_t)kind);
	return changed_one(rc, changed);
}

/* An alias without targets is none, and its kind goes too. */
static int forget_alias_kind(struct db *db, struct slice address)
{
	return db_run(db,
	              "DELETE FROM alias_kind WHERE address = $1"
	              " AND NOT EXISTS (SELECT 1 FROM alias WHERE address = $1)",
	              "t", address);
}

int directory_remove_alias(struct db *db, struct slice address, struct slice target)
{
	int64_t changed = 0;
	int rc;
	if (target.len == 0)
		rc = db_change(db, &changed, "DELETE FROM alias WHERE address = $1", "t", address);
	else
		rc = db_change(db, &changed, "DELETE FROM alias WHERE address = $1 AND target = $2",
		               "tt", address, target);
	if (rc == 0)
		rc = forget_alias_kind(db, address);
	return changed_one(rc, changed);
}
