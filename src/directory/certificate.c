#include "directory/certificate.h"

#include <errno.h>

#include "base/clock.h"

static int check_is_nobodys(struct db *db, struct slice fingerprint)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM certificate WHERE fingerprint = $1",
	                    "t", fingerprint);
	if (rc < 0)
		return rc;
	return count > 0 ? -EEXIST : 0;
}

int directory_add_certificate(struct db *db, struct slice address, struct slice fingerprint,
                              struct slice note)
{
	struct arena *a = arena_new();
	struct account account;
	int rc = directory_find_account(db, a, address, &account);
	if (rc == 0)
		rc = check_is_nobodys(db, fingerprint);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO certificate (fingerprint, account_id, note, created_ms)"
		            " VALUES ($1, $2, $3, $4)",
		            "titi", fingerprint, account.id, note, clock_wall_ms());
	arena_free(a);
	return rc;
}

int directory_remove_certificate(struct db *db, struct slice fingerprint)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "DELETE FROM certificate WHERE fingerprint = $1", "t",
	                   fingerprint);
	return rc == 0 && changed == 0 ? -ENOENT : rc;
}

int directory_find_certificate(struct db *db, struct arena *a, struct slice fingerprint,
                               struct account *out)
{
	struct slice address = SLICE_EMPTY;
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT a.address FROM certificate c JOIN account a ON a.id = c.account_id"
		" WHERE c.fingerprint = $1",
		"t", fingerprint);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		address = arena_copy(a, db_text(&rows, 0));
	db_end(&rows);
	if (rc < 0)
		return rc == -ENODATA ? -ENOENT : rc;
	return directory_find_account(db, a, address, out);
}

int directory_each_certificate_after(struct db *db, struct slice after,
                                     int (*visit)(const struct certificate_entry *entry, void *arg),
                                     void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT c.fingerprint, a.address, c.note, c.created_ms"
	                  " FROM certificate c JOIN account a ON a.id = c.account_id"
	                  " WHERE c.fingerprint > $1 ORDER BY c.fingerprint",
	                  "t", after);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct certificate_entry entry = { .fingerprint = db_text(&rows, 0),
			                           .address = db_text(&rows, 1),
			                           .note = db_text(&rows, 2),
			                           .added_ms = db_int(&rows, 3) };
		rc = visit(&entry, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
