#include "mailbox/acl.h"

#include <errno.h>

#include "directory/directory.h"

/* --- letters ------------------------------------------------------------------------- */

const char *acl_text(unsigned rights, bool with_old, char out[static ACL_TEXT_MAX])
{
	size_t len = 0;
	for (size_t i = 0; i < sizeof(ACL_LETTERS) - 1; i++) {
		if (rights & (1u << i))
			out[len++] = ACL_LETTERS[i];
	}
	if (with_old && (rights & ACL_CREATE))
		out[len++] = 'c';
	if (with_old && (rights & (ACL_REMOVE | ACL_DELETED | ACL_EXPUNGE)))
		out[len++] = 'd';
	out[len] = '\0';
	return out;
}

static unsigned right_of(char letter)
{
	const char *at = letter ? strchr(ACL_LETTERS, letter) : NULL;
	if (letter == 'c')
		return ACL_CREATE;
	if (letter == 'd')
		return ACL_REMOVE | ACL_DELETED | ACL_EXPUNGE;
	return at ? 1u << (at - ACL_LETTERS) : 0;
}

bool acl_parse(struct slice letters, unsigned *rights_out)
{
	unsigned rights = 0;
	for (size_t i = 0; i < letters.len; i++) {
		unsigned right = right_of(letters.data[i]);
		if (!right)
			return false;
		rights |= right;
	}
	*rights_out = rights;
	return true;
}

int acl_identifier(struct db *db, struct arena *arena, struct slice text, struct slice *out,
                   int64_t *account_out)
{
	bool minus = slice_starts_with(text, SLICE("-"));
	struct slice name = slice_from(text, minus ? 1 : 0);
	struct account account = { .id = 0 };
	if (!slice_equal_nocase(name, SLICE("anyone"))) {
		int rc = directory_canonical_address(arena, name, &name);
		if (rc == 0)
			rc = directory_find_account(db, arena, name, &account);
		if (rc < 0)
			return rc;
	} else {
		name = SLICE("anyone");
	}
	struct slice parts[] = { minus ? SLICE("-") : SLICE_EMPTY, name };
	*out = arena_concat(arena, parts, 2);
	if (account_out)
		*account_out = account.id;
	return 0;
}

/* --- reading ------------------------------------------------------------------------- */

struct granted {
	unsigned plus, minus;
};

static void granted_add(struct granted *g, struct slice identifier, unsigned rights)
{
	if (slice_starts_with(identifier, SLICE("-")))
		g->minus |= rights;
	else
		g->plus |= rights;
}

int acl_rights(struct db *db, int64_t owner_id, int64_t mailbox_id, int64_t account_id,
               struct slice address, unsigned *rights_out)
{
	struct granted g = { 0 };
	struct db_rows rows;
	if (owner_id == account_id) {
		*rights_out = ACL_ALL;
		return 0;
	}
	int rc = db_query(db, &rows,
	                  "SELECT identifier, rights FROM acl WHERE account_id = $1"
	                  " AND mailbox_id IN (0, $2)"
	                  " AND identifier IN ($3, '-' || $3, 'anyone', '-anyone')",
	                  "iit", owner_id, mailbox_id, address);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		granted_add(&g, db_text(&rows, 0), (unsigned)db_int(&rows, 1));
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	*rights_out = g.plus & ~g.minus;
	return 0;
}

int acl_has_posting(struct db *db, int64_t owner_id)
{
	int64_t count;
	int rc = db_get_int(db, &count,
	                    "SELECT count(*) FROM acl WHERE account_id = $1 AND rights & $2 <> 0",
	                    "ii", owner_id, (int64_t)ACL_POST);
	return rc < 0 ? rc : count > 0;
}

struct entry {
	struct slice identifier;
	unsigned rights;
};

/* Rows of one identifier come one behind the other. */
static int entries_read(struct db *db, struct arena *arena, int64_t owner_id, int64_t mailbox_id,
                        struct entry **out, size_t *count_out)
{
	struct entry *list = ARENA_ARRAY(arena, 2 * ACL_ENTRIES_MAX, struct entry);
	struct db_rows rows;
	size_t count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT identifier, rights FROM acl WHERE account_id = $1"
	                  " AND mailbox_id IN (0, $2) ORDER BY identifier",
	                  "ii", owner_id, mailbox_id);
	while (rc == 0 && count < 2 * ACL_ENTRIES_MAX && (rc = db_next(&rows)) == 0) {
		struct slice identifier = db_text(&rows, 0);
		unsigned rights = (unsigned)db_int(&rows, 1);
		if (count > 0 && slice_equal(list[count - 1].identifier, identifier)) {
			list[count - 1].rights |= rights;
			continue;
		}
		list[count++] = (struct entry){ arena_copy(arena, identifier), rights };
	}
	db_end(&rows);
	*out = list;
	*count_out = count;
	return rc == -ENODATA ? 0 : rc;
}

int acl_each(struct db *db, int64_t owner_id, int64_t mailbox_id,
             int (*visit)(struct slice identifier, unsigned rights, void *arg), void *arg)
{
	struct arena *arena = arena_new();
	struct entry *list;
	size_t count;
	int rc = entries_read(db, arena, owner_id, mailbox_id, &list, &count);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = visit(list[i].identifier, list[i].rights, arg);
	arena_free(arena);
	return rc;
}

#define ENTRY_COLUMNS                                                                              \
	"SELECT a.address, m.name, e.identifier, e.rights FROM acl e"                              \
	" LEFT JOIN account a ON a.id = e.account_id LEFT JOIN mailbox m ON m.id = e.mailbox_id"   \
	" WHERE "

static int entries_visit(struct db_rows *rows, int rc,
                         int (*visit)(const struct acl_row *entry, void *arg), void *arg)
{
	while (rc == 0 && (rc = db_next(rows)) == 0) {
		const struct acl_row entry = { .owner = db_text(rows, 0),
			                       .folder = db_text(rows, 1),
			                       .identifier = db_text(rows, 2),
			                       .rights = (unsigned)db_int(rows, 3) };
		rc = visit(&entry, arg);
	}
	db_end(rows);
	return rc == -ENODATA ? 0 : rc;
}

int acl_each_row(struct db *db, int64_t owner_id,
                 int (*visit)(const struct acl_row *entry, void *arg), void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  ENTRY_COLUMNS "e.account_id = $1 ORDER BY e.mailbox_id, e.identifier",
	                  "i", owner_id);
	return entries_visit(&rows, rc, visit, arg);
}

int acl_each_grant(struct db *db, struct slice address,
                   int (*visit)(const struct acl_row *entry, void *arg), void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  ENTRY_COLUMNS "e.identifier IN ($1, '-' || $1)"
	                                " ORDER BY e.account_id, e.mailbox_id",
	                  "t", address);
	return entries_visit(&rows, rc, visit, arg);
}

/* --- what is shared with an account -------------------------------------------------- */

/* What one list grants the account; the list of an owner comes before those of its mailboxes. */
struct grant {
	int64_t owner_id, mailbox_id;
	struct granted rights;
};

struct grants {
	struct arena *arena;
	struct grant *list;
	size_t count, capacity;
};

static struct grant *grants_at(struct grants *g, int64_t owner_id, int64_t mailbox_id)
{
	struct grant *last = g->count ? &g->list[g->count - 1] : NULL;
	if (last && last->owner_id == owner_id && last->mailbox_id == mailbox_id)
		return last;
	if (g->count == g->capacity) {
		size_t capacity = g->capacity ? g->capacity * 2 : 16;
		struct grant *grown = ARENA_ARRAY(g->arena, capacity, struct grant);
		if (g->count)
			memcpy(grown, g->list, g->count * sizeof(*grown));
		g->list = grown;
		g->capacity = capacity;
	}
	g->list[g->count] = (struct grant){ .owner_id = owner_id, .mailbox_id = mailbox_id };
	return &g->list[g->count++];
}

static int grants_read(struct db *db, struct grants *g, int64_t account_id, struct slice address)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT account_id, mailbox_id, identifier, rights FROM acl"
	                  " WHERE identifier IN ($1, '-' || $1, 'anyone', '-anyone')"
	                  " AND account_id <> $2 ORDER BY account_id, mailbox_id",
	                  "ti", address, account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		granted_add(&grants_at(g, db_int(&rows, 0), db_int(&rows, 1))->rights,
		            db_text(&rows, 2), (unsigned)db_int(&rows, 3));
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* The mailboxes of one owner. */
struct shared_walk {
	struct db *db;
	struct arena *arena;
	const struct grant *first; /* that of the owner, if there is one, then those of mailboxes */
	size_t count;
	struct granted all;
	struct slice owner;
	int (*visit)(const struct acl_shared *shared, void *arg);
	void *arg;
};

static int shared_visit(const struct mailbox_info *info, const struct granted *own,
                        const struct shared_walk *w)
{
	unsigned rights = (w->all.plus | own->plus) & ~(w->all.minus | own->minus);
	struct acl_shared shared = { .info = *info, .owner = w->owner, .rights = rights };
	return rights & ACL_LOOKUP ? w->visit(&shared, w->arg) : 0;
}

/* A mailbox of an owner who shares them all. */
static int shared_each(const struct mailbox_info *info, void *arg)
{
	const struct shared_walk *w = arg;
	static const struct granted none = { 0 };
	size_t low = 0, high = w->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->first[middle].mailbox_id < info->id)
			low = middle + 1;
		else
			high = middle;
	}
	bool found = low < w->count && w->first[low].mailbox_id == info->id;
	return shared_visit(info, found ? &w->first[low].rights : &none, w);
}

static int shared_owner(struct shared_walk *w)
{
	int64_t owner_id = w->first->owner_id;
	struct mailbox_info info;
	struct db_rows rows;
	int rc = 0;
	w->owner = SLICE_EMPTY;
	if (owner_id != MAILBOX_PUBLIC) {
		rc = db_query(w->db, &rows, "SELECT address FROM account WHERE id = $1", "i",
		              owner_id);
		if (rc == 0 && (rc = db_next(&rows)) == 0)
			w->owner = arena_copy(w->arena, db_text(&rows, 0));
		db_end(&rows);
		if (rc != 0)
			return rc == -ENODATA ? 0 : rc;
	}
	if (w->all.plus & ACL_LOOKUP)
		return mailbox_each(w->db, owner_id, shared_each, w);
	for (size_t i = 0; i < w->count && rc == 0; i++) {
		if (w->first[i].mailbox_id == 0)
			continue;
		rc = mailbox_get(w->db, w->arena, w->first[i].mailbox_id, &info);
		if (rc == 0)
			rc = shared_visit(&info, &w->first[i].rights, w);
		else if (rc == -ENOENT)
			rc = 0;
	}
	return rc;
}

int acl_each_shared(struct db *db, int64_t account_id, struct slice address,
                    int (*visit)(const struct acl_shared *shared, void *arg), void *arg)
{
	struct grants g = { .arena = arena_new() };
	int rc = grants_read(db, &g, account_id, address);
	for (size_t i = 0, end; i < g.count && rc == 0; i = end) {
		struct shared_walk w = {
			.db = db, .arena = g.arena, .first = &g.list[i], .visit = visit, .arg = arg
		};
		for (end = i; end < g.count && g.list[end].owner_id == w.first->owner_id; end++)
			;
		w.count = end - i;
		if (w.first->mailbox_id == 0)
			w.all = w.first->rights;
		rc = shared_owner(&w);
	}
	arena_free(g.arena);
	return rc;
}

/* --- changes ------------------------------------------------------------------------- */

int acl_set(struct db *db, int64_t owner_id, int64_t mailbox_id, struct slice identifier,
            unsigned rights)
{
	int64_t count;
	if (rights == 0)
		return db_run(db,
		              "DELETE FROM acl WHERE account_id = $1 AND mailbox_id = $2"
		              " AND identifier = $3",
		              "iit", owner_id, mailbox_id, identifier);
	int rc = db_get_int(db, &count,
	                    "SELECT count(*) FROM acl WHERE account_id = $1 AND mailbox_id = $2"
	                    " AND identifier <> $3",
	                    "iit", owner_id, mailbox_id, identifier);
	if (rc != 0)
		return rc;
	if (count >= ACL_ENTRIES_MAX)
		return -ENOSPC;
	return db_run(db,
	              "INSERT INTO acl (account_id, mailbox_id, identifier, rights)"
	              " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, mailbox_id, identifier)"
	              " DO UPDATE SET rights = excluded.rights",
	              "iiti", owner_id, mailbox_id, identifier, (int64_t)rights);
}

int acl_inherit(struct db *db, int64_t owner_id, int64_t from_id, int64_t to_id)
{
	return db_run(db,
	              "INSERT INTO acl (account_id, mailbox_id, identifier, rights)"
	              " SELECT account_id, $3, identifier, rights FROM acl"
	              " WHERE account_id = $1 AND mailbox_id = $2",
	              "iii", owner_id, from_id, to_id);
}

int acl_drop_mailbox(struct db *db, int64_t mailbox_id)
{
	return db_run(db,
	              "DELETE FROM acl WHERE mailbox_id = $1 AND account_id ="
	              " (SELECT account_id FROM mailbox WHERE id = $1)",
	              "i", mailbox_id);
}

int acl_drop_account(struct db *db, int64_t account_id)
{
	int rc = db_run(db, "DELETE FROM acl WHERE account_id = $1", "i", account_id);
	if (rc != 0)
		return rc;
	return db_run(db,
	              "DELETE FROM acl WHERE identifier IN"
	              " (SELECT address FROM account WHERE id = $1"
	              "  UNION ALL SELECT '-' || address FROM account WHERE id = $1)",
	              "i", account_id);
}
