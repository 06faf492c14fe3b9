#include "directory/send_as.h"

#include <errno.h>

#include "directory/directory.h"

/* --- entries ------------------------------------------------------------------------------ */

static int parse_entry(struct arena *a, struct slice text, struct slice *out)
{
	struct slice domain;
	if (slice_equal(text, SLICE("*"))) {
		*out = text;
		return 0;
	}
	if (!slice_starts_with(text, SLICE("@")))
		return directory_canonical_address(a, text, out);
	int rc = directory_canonical_domain(a, slice_from(text, 1), &domain);
	if (rc == 0)
		*out = arena_concat(a, (struct slice[]){ SLICE("@"), domain }, 2);
	return rc;
}

int send_as_parse(struct arena *a, struct slice text, struct send_as *out)
{
	struct slice rest = slice_trim(text);
	size_t count = 0;
	int rc = 0;
	for (size_t i = 0; i < rest.len; i++)
		count += rest.data[i] == ',';
	if (count >= SEND_AS_MAX)
		return -E2BIG;
	*out = (struct send_as){ .entries = ARENA_ARRAY(a, count + 1, struct slice) };
	while (rc == 0 && rest.len > 0)
		rc = parse_entry(a, slice_trim(slice_split(&rest, ',')),
		                 &out->entries[out->count++]);
	return rc;
}

/* --- rows --------------------------------------------------------------------------------- */

static int find_id(struct db *db, struct slice account, int64_t *id_out)
{
	int rc = db_get_int(db, id_out, "SELECT id FROM account WHERE address = $1", "t", account);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_set_send_as(struct db *db, struct slice account, const struct send_as *entries)
{
	int64_t id;
	int rc = find_id(db, account, &id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM send_as WHERE account_id = $1", "i", id);
	for (size_t i = 0; i < entries->count && rc == 0; i++)
		rc = db_run(db,
		            "INSERT INTO send_as (account_id, address) VALUES ($1, $2)"
		            " ON CONFLICT (account_id, address) DO NOTHING",
		            "it", id, entries->entries[i]);
	return rc;
}

int directory_may_send_as(struct db *db, int64_t account_id, struct slice address, bool *may_out)
{
	int64_t count;
	ptrdiff_t at = slice_find_last_byte(address, '@');
	struct slice domain = at < 0 ? SLICE_EMPTY : slice_from(address, (size_t)at);
	int rc = db_get_int(db, &count,
	                    "SELECT count(*) FROM send_as WHERE account_id = $1"
	                    " AND address IN ($2, $3, '*')",
	                    "itt", account_id, address, domain);
	if (rc == 0)
		*may_out = count > 0;
	return rc;
}

int directory_each_send_as(struct db *db, struct slice account, send_as_visit visit, void *arg)
{
	struct db_rows rows = { 0 };
	int64_t id;
	int rc = find_id(db, account, &id);
	if (rc == 0)
		rc = db_query(db, &rows,
		              "SELECT address FROM send_as WHERE account_id = $1 ORDER BY address",
		              "i", id);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = visit(db_text(&rows, 0), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
