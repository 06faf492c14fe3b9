#include "directory/relay.h"

#include <errno.h>

#include "message/address.h"

static struct slice domain_of(struct slice address)
{
	return slice_from(address, (size_t)(slice_find_last_byte(address, '@') + 1));
}

int directory_put_relay(struct db *db, struct slice address, int64_t stamp, bool *added_out)
{
	int64_t changed;
	*added_out = false;
	int rc = db_change(db, &changed, "UPDATE relay_recipient SET stamp = $2 WHERE address = $1",
	                   "ti", address, stamp);
	if (rc < 0 || changed > 0)
		return rc;
	*added_out = true;
	return db_run(db,
	              "INSERT INTO relay_recipient (address, domain, stamp) VALUES ($1, $2, $3)",
	              "tti", address, domain_of(address), stamp);
}

int directory_remove_relay(struct db *db, struct slice address)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed, "DELETE FROM relay_recipient WHERE address = $1", "t",
	                   address);
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -ENOENT;
}

int directory_expire_relay(struct db *db, struct slice domain, int64_t stamp, int64_t *count_out)
{
	return db_change(db, count_out,
	                 "DELETE FROM relay_recipient WHERE domain = $1 AND stamp < $2", "ti",
	                 domain, stamp);
}

static int find(struct db *db, struct arena *arena, struct slice local, struct slice domain)
{
	struct address a = { .local = local, .domain = domain };
	struct slice key = local.len > 0
	                           ? address_text(arena, &a)
	                           : arena_concat(arena, (struct slice[]){ SLICE("@"), domain }, 2);
	int64_t one;
	int rc = db_get_int(db, &one, "SELECT 1 FROM relay_recipient WHERE address = $1", "t", key);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_find_relay(struct db *db, struct arena *arena, struct slice local,
                         struct slice domain, char separator)
{
	ptrdiff_t at = separator ? slice_find_byte(local, separator) : -1;
	int rc = find(db, arena, local, domain);
	if (rc == -ENOENT && at > 0)
		rc = find(db, arena, slice_sub(local, 0, (size_t)at), domain);
	if (rc == -ENOENT)
		rc = find(db, arena, SLICE_EMPTY, domain);
	return rc;
}

int directory_each_relay(struct db *db, struct slice domain, struct slice after,
                         directory_relay_visit visit, void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT address FROM relay_recipient"
	                  " WHERE ($1 = '' OR domain = $1) AND (domain, address) > ($2, $3)"
	                  " ORDER BY domain, address",
	                  "ttt", domain, after.len > 0 ? domain_of(after) : SLICE_EMPTY, after);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = visit(db_text(&rows, 0), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
