#include "directory/fetch.h"

#include <errno.h>

static int check_not_ours(struct db *db, struct slice domain)
{
	int64_t id;
	int rc = db_get_int(db, &id, "SELECT id FROM domain WHERE name = $1", "t", domain);
	if (rc == -ENODATA)
		return 0;
	return rc < 0 ? rc : -EBUSY;
}

static int find_account(struct db *db, struct slice address, int64_t *id_out)
{
	int rc = db_get_int(db, id_out, "SELECT id FROM account WHERE address = $1", "t", address);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_add_fetch(struct db *db, struct slice domain, struct slice address)
{
	int64_t id, changed = 0;
	int rc = check_not_ours(db, domain);
	if (rc == 0)
		rc = find_account(db, address, &id);
	if (rc == 0)
		rc = db_change(db, &changed,
		               "INSERT INTO fetch_domain (domain, account_id) VALUES ($1, $2)"
		               " ON CONFLICT (domain, account_id) DO NOTHING",
		               "ti", domain, id);
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -EEXIST;
}

int directory_remove_fetch(struct db *db, struct slice domain, struct slice address)
{
	int64_t changed = 0;
	int rc;
	if (address.len == 0)
		rc = db_change(db, &changed, "DELETE FROM fetch_domain WHERE domain = $1", "t",
		               domain);
	else
		rc = db_change(db, &changed,
		               "DELETE FROM fetch_domain WHERE domain = $1 AND account_id ="
		               " (SELECT id FROM account WHERE address = $2)",
		               "tt", domain, address);
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -ENOENT;
}

int directory_find_fetch(struct db *db, struct slice domain)
{
	int64_t one;
	int rc = db_get_int(db, &one, "SELECT 1 FROM fetch_domain WHERE domain = $1 LIMIT 1", "t",
	                    domain);
	return rc == -ENODATA ? -ENOENT : rc;
}

static int each(struct db_rows *rows, int rc, directory_fetch_visit visit, void *arg)
{
	while (rc == 0 && (rc = db_next(rows)) == 0)
		rc = visit(db_text(rows, 0), db_text(rows, 1), arg);
	db_end(rows);
	return rc == -ENODATA ? 0 : rc;
}

int directory_each_fetch_of(struct db *db, int64_t account_id, directory_fetch_visit visit,
                            void *arg)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT f.domain, a.address FROM fetch_domain f"
		" JOIN account a ON a.id = f.account_id WHERE a.id = $1 ORDER BY f.domain",
		"i", account_id);
	return each(&rows, rc, visit, arg);
}

int directory_each_fetch_after(struct db *db, struct slice after, directory_fetch_visit visit,
                               void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT f.domain, a.address FROM fetch_domain f"
	                  " JOIN account a ON a.id = f.account_id WHERE f.domain > $1"
	                  " ORDER BY f.domain, a.address",
	                  "t", after);
	return each(&rows, rc, visit, arg);
}
