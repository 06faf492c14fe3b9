#include "mailbox/annotation.h"

#include <errno.h>

#define PRIVATE SLICE("/private")
#define SHARED  SLICE("/shared")

/* Is it that place, or below it? */
static bool is_in(struct slice name, struct slice place)
{
	return slice_starts_with(name, place) &&
	       (name.len == place.len || name.data[place.len] == '/');
}

/* entries = "/" component, without wildcards and empty components (RFC 5464 section 3.2). */
bool annotation_name(struct arena *arena, struct slice text, struct slice *out)
{
	struct slice name = arena_lower(arena, text);
	if (name.len > ANNOTATION_NAME_MAX || slice_ends_with(name, SLICE("/")) ||
	    !(is_in(name, PRIVATE) || is_in(name, SHARED)))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (c <= ' ' || c > '~' || c == '*' || c == '%' ||
		    (c == '/' && i > 0 && name.data[i - 1] == '/'))
			return false;
	}
	*out = name;
	return true;
}

bool annotation_is_place(struct slice name)
{
	return slice_equal(name, PRIVATE) || slice_equal(name, SHARED);
}

bool annotation_is_private(struct slice name) { return is_in(name, PRIVATE); }

/* Whose row it is: 0 for what is everybody's. */
static int64_t row_owner(struct slice name, int64_t account_id)
{
	return annotation_is_private(name) ? account_id : 0;
}

static bool is_wanted(struct slice found, struct slice name, enum annotation_depth depth)
{
	if (found.len == name.len)
		return true;
	struct slice below = slice_from(found, name.len + 1);
	return depth == ANNOTATION_ALL ||
	       (depth == ANNOTATION_CHILDREN && slice_find_byte(below, '/') < 0);
}

int annotation_each(struct db *db, int64_t mailbox_id, int64_t account_id, struct slice name,
                    enum annotation_depth depth,
                    int (*visit)(struct slice name, struct slice value, void *arg), void *arg)
{
	char low[ANNOTATION_NAME_MAX + 1], high[ANNOTATION_NAME_MAX + 1];
	struct db_rows rows;
	if (name.len > ANNOTATION_NAME_MAX)
		return -EINVAL;
	/* "name/" and below is all between "name/" and "name0", which comes next. */
	memcpy(low, name.data, name.len);
	memcpy(high, name.data, name.len);
	low[name.len] = '/';
	high[name.len] = depth == ANNOTATION_SELF ? '/' : '/' + 1;
	int rc = db_query(db, &rows,
	                  "SELECT name, value FROM annotation WHERE mailbox_id = $1"
	                  " AND account_id = $2 AND (name = $3 OR (name >= $4 AND name < $5))"
	                  " ORDER BY name",
	                  "iittt", mailbox_id, row_owner(name, account_id), name,
	                  slice_of(low, name.len + 1), slice_of(high, name.len + 1));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		if (is_wanted(db_text(&rows, 0), name, depth))
			rc = visit(db_text(&rows, 0), db_bytes(&rows, 1), arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int annotation_set(struct db *db, int64_t mailbox_id, int64_t account_id, struct slice name,
                   const struct slice *value)
{
	int64_t owner = row_owner(name, account_id), count;
	if (!value)
		return db_run(db,
		              "DELETE FROM annotation WHERE mailbox_id = $1 AND account_id = $2"
		              " AND name = $3",
		              "iit", mailbox_id, owner, name);
	int rc = db_get_int(db, &count,
	                    "SELECT count(*) FROM annotation WHERE mailbox_id = $1"
	                    " AND account_id = $2 AND name <> $3",
	                    "iit", mailbox_id, owner, name);
	if (rc != 0)
		return rc;
	if (count >= ANNOTATIONS_MAX)
		return -ENOSPC;
	return db_run(db,
	              "INSERT INTO annotation (mailbox_id, account_id, name, value)"
	              " VALUES ($1, $2, $3, $4) ON CONFLICT (mailbox_id, account_id, name)"
	              " DO UPDATE SET value = excluded.value",
	              "iitb", mailbox_id, owner, name, *value);
}

int annotation_drop_mailbox(struct db *db, int64_t mailbox_id)
{
	return db_run(db, "DELETE FROM annotation WHERE mailbox_id = $1", "i", mailbox_id);
}

int annotation_drop_account(struct db *db, int64_t account_id)
{
	return db_run(db, "DELETE FROM annotation WHERE account_id = $1", "i", account_id);
}
