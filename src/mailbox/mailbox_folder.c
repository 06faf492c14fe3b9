#include <errno.h>

#include "base/clock.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"
#include "mailbox/import_rows.h"
#include "mailbox/lesson.h"
#include "mailbox/mail_event.h"
#include "mailbox/mailbox_rows.h"
#include "mailbox/mailbox_seen.h"
#include "mailbox/quota.h"
#include "mailbox/url_auth.h"

static bool is_inbox(struct slice name) { return slice_equal(name, SLICE("INBOX")); }

/* --- names --------------------------------------------------------------------------- */

/* Control characters, and what LIST takes for wildcards, would make a mailbox that clients can't
 * name. */
static bool level_is_valid(struct slice level)
{
	if (level.len == 0)
		return false;
	for (size_t i = 0; i < level.len; i++) {
		unsigned char c = (unsigned char)level.data[i];
		if (c < ' ' || c == 0x7f || c == '*' || c == '%')
			return false;
	}
	return true;
}

int mailbox_name(struct arena *arena, struct slice name, struct slice *out)
{
	struct slice rest = name, first = slice_split(&rest, '/');
	size_t levels = 0;

	if (name.len > MAILBOX_NAME_MAX || !slice_is_utf8(name) ||
	    slice_ends_with(name, SLICE("/")))
		return -EINVAL;
	rest = name;
	do {
		if (!level_is_valid(slice_split(&rest, '/')) || ++levels > MAILBOX_DEPTH_MAX)
			return -EINVAL;
	} while (rest.len > 0);
	if (slice_equal_nocase(first, SLICE("INBOX"))) {
		struct slice parts[] = { SLICE("INBOX"), slice_from(name, first.len) };
		name = arena_concat(arena, parts, 2);
	}
	*out = name;
	return 0;
}

/* --- reading ------------------------------------------------------------------------- */

#define INFO_COLUMNS                                                                               \
	"id, account_id, name, special_use, uid_validity, uid_next, recent_uid, mod_seq,"          \
	" message_count, unseen_count, deleted_count, size_bytes"

static void info_fill(const struct db_rows *rows, struct mailbox_info *out)
{
	*out = (struct mailbox_info){
		.id = db_int(rows, 0),
		.account_id = db_int(rows, 1),
		.name = db_text(rows, 2),
		.use = (enum mailbox_use)db_int(rows, 3),
		.uid_validity = (uint32_t)db_int(rows, 4),
		.uid_next = (uint32_t)db_int(rows, 5),
		.recent_uid = (uint32_t)db_int(rows, 6),
		.mod_seq = (uint64_t)db_int(rows, 7),
		.message_count = (uint64_t)db_int(rows, 8),
		.unseen_count = (uint64_t)db_int(rows, 9),
		.deleted_count = (uint64_t)db_int(rows, 10),
		.size_bytes = (uint64_t)db_int(rows, 11),
	};
}

/* Ends a query for one mailbox. */
static int info_take(struct db_rows *rows, int rc, struct arena *arena, struct mailbox_info *out)
{
	if (rc == 0)
		rc = db_next(rows);
	if (rc == 0) {
		info_fill(rows, out);
		out->name = arena_copy(arena, out->name);
	}
	db_end(rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int mailbox_find(struct db *db, struct arena *arena, int64_t account_id, struct slice name,
                 struct mailbox_info *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " INFO_COLUMNS " FROM mailbox"
	                  " WHERE account_id = $1 AND name = $2",
	                  "it", account_id, name);
	return info_take(&rows, rc, arena, out);
}

int mailbox_get(struct db *db, struct arena *arena, int64_t mailbox_id, struct mailbox_info *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " INFO_COLUMNS " FROM mailbox WHERE id = $1 AND account_id <> 0",
	                  "i", mailbox_id);
	return info_take(&rows, rc, arena, out);
}

int mailbox_each(struct db *db, int64_t account_id,
                 int (*visit)(const struct mailbox_info *info, void *arg), void *arg)
{
	struct db_rows rows;
	struct mailbox_info info;
	int rc = db_query(db, &rows,
	                  "SELECT " INFO_COLUMNS " FROM mailbox WHERE account_id = $1"
	                  " ORDER BY name",
	                  "i", account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		info_fill(&rows, &info);
		rc = visit(&info, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int mailbox_each_subscription(struct db *db, int64_t account_id,
                              int (*visit)(struct slice name, void *arg), void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT name FROM subscription WHERE account_id = $1 ORDER BY name", "i",
	                  account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = visit(db_text(&rows, 0), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int find_id(struct db *db, int64_t account_id, struct slice name, int64_t *id_out)
{
	int rc = db_get_int(db, id_out,
	                    "SELECT id FROM mailbox WHERE account_id = $1 AND name = $2", "it",
	                    account_id, name);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* --- making -------------------------------------------------------------------------- */

/* A mailbox that is made where another of its name was must have a greater UIDVALIDITY (RFC 3501
 * section 2.3.1.1): the time in seconds, or one more than the account's last. */
static int new_uid_validity(struct db *db, int64_t account_id, int64_t *out)
{
	return db_get_int(db, out,
	                  "INSERT INTO uid_validity (account_id, last) VALUES ($1, $2)"
	                  " ON CONFLICT (account_id) DO UPDATE SET last ="
	                  " CASE WHEN excluded.last > uid_validity.last THEN excluded.last"
	                  " ELSE uid_validity.last + 1 END RETURNING last",
	                  "ii", account_id, clock_wall_ms() / 1000);
}

static int check_count(struct db *db, int64_t account_id, struct slice name)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM mailbox WHERE account_id = $1", "i",
	                    account_id);
	if (rc != 0)
		return rc;
	if (count >= MAILBOX_PER_ACCOUNT_MAX)
		return -ENFILE;
	/* Nobody is without an INBOX. */
	return is_inbox(name) ? 0 : quota_check_mailbox(db, account_id);
}

int mailbox_create(struct db *db, int64_t account_id, struct slice name, enum mailbox_use use,
                   int64_t *mailbox_id_out)
{
	int64_t uid_validity;
	int rc = find_id(db, account_id, name, mailbox_id_out);
	if (rc != -ENOENT)
		return rc == 0 ? -EEXIST : rc;
	rc = check_count(db, account_id, name);
	if (rc == 0)
		rc = new_uid_validity(db, account_id, &uid_validity);
	if (rc != 0)
		return rc;
	return db_insert(db, mailbox_id_out,
	                 "INSERT INTO mailbox (account_id, name, special_use, uid_validity)"
	                 " VALUES ($1, $2, $3, $4)",
	                 "itii", account_id, name, (int64_t)use, uid_validity);
}

int mailbox_get_inbox(struct db *db, int64_t account_id, int64_t *mailbox_id_out)
{
	int rc = find_id(db, account_id, SLICE("INBOX"), mailbox_id_out);
	if (rc != -ENOENT)
		return rc;
	rc = mailbox_create(db, account_id, SLICE("INBOX"), USE_NONE, mailbox_id_out);
	return rc == 0 ? mailbox_subscribe(db, account_id, SLICE("INBOX"), true) : rc;
}

int mailbox_make_folders(struct db *db, int64_t account_id, void *unused)
{
	static const struct {
		struct slice name;
		enum mailbox_use use;
	} folders[] = {
		{ { "INBOX", 5 }, USE_NONE },    { { "Sent", 4 }, USE_SENT },
		{ { "Drafts", 6 }, USE_DRAFTS }, { { "Trash", 5 }, USE_TRASH },
		{ { "Junk", 4 }, USE_JUNK },     { { "Archive", 7 }, USE_ARCHIVE },
	};
	int64_t id;
	int rc = 0;

	(void)unused;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && rc == 0; i++) {
		rc = mailbox_create(db, account_id, folders[i].name, folders[i].use, &id);
		if (rc == 0)
			rc = mailbox_subscribe(db, account_id, folders[i].name, true);
		else if (rc == -EEXIST || rc == -EDQUOT)
			rc = 0;
	}
	return rc;
}

int mailbox_subscribe(struct db *db, int64_t account_id, struct slice name, bool subscribed)
{
	int64_t count;
	if (!subscribed)
		return db_run(db, "DELETE FROM subscription WHERE account_id = $1 AND name = $2",
		              "it", account_id, name);
	int rc = db_get_int(db, &count, "SELECT count(*) FROM subscription WHERE account_id = $1",
	                    "i", account_id);
	if (rc != 0)
		return rc;
	if (count >= MAILBOX_PER_ACCOUNT_MAX)
		return -ENFILE;
	return db_run(db,
	              "INSERT INTO subscription (account_id, name) VALUES ($1, $2)"
	              " ON CONFLICT (account_id, name) DO NOTHING",
	              "it", account_id, name);
}

int mailbox_set_recent(struct db *db, int64_t mailbox_id, uint32_t recent_uid)
{
	return db_run(db, "UPDATE mailbox SET recent_uid = $2 WHERE id = $1 AND recent_uid < $2",
	              "ii", mailbox_id, (int64_t)recent_uid);
}

/* --- deleting ------------------------------------------------------------------------ */

/* Out of the account at once; the messages go later (mailboxes_purge), as somebody may want them
 * back, and as releasing them in one commit would hold up all others. The account's use is counted
 * down now. at_ms as for keep_all(). */
static int bury(struct db *db, int64_t mailbox_id, int64_t at_ms)
{
	int rc = db_run(db,
	                "UPDATE account SET"
	                " used_bytes = used_bytes -"
	                "  (SELECT size_bytes FROM mailbox WHERE id = $1),"
	                " used_messages = used_messages -"
	                "  (SELECT message_count FROM mailbox WHERE id = $1)"
	                " WHERE id = (SELECT account_id FROM mailbox WHERE id = $1)",
	                "i", mailbox_id);
	if (rc == 0)
		rc = keep_all(db, mailbox_id, at_ms);
	if (rc != 0)
		return rc;
	rc = acl_drop_mailbox(db, mailbox_id);
	if (rc == 0)
		rc = url_auth_drop_mailbox(db, mailbox_id);
	if (rc != 0)
		return rc;
	return db_run(db,
	              "UPDATE mailbox SET gone_account = account_id, gone_name = name,"
	              " account_id = 0, name = CAST(id AS TEXT) WHERE id = $1",
	              "i", mailbox_id);
}

int mailbox_delete(struct db *db, int64_t account_id, struct slice name)
{
	int64_t id;
	if (is_inbox(name))
		return -EPERM;
	int rc = find_id(db, account_id, name, &id);
	return rc == 0 ? bury(db, id, clock_wall_ms()) : rc;
}

int mailbox_remove_account(struct db *db, int64_t account_id)
{
	int64_t id;
	int rc;
	while ((rc = db_get_int(db, &id, "SELECT id FROM mailbox WHERE account_id = $1 LIMIT 1",
	                        "i", account_id)) == 0) {
		rc = bury(db, id, 0);
		if (rc != 0)
			return rc;
	}
	if (rc == -ENODATA)
		rc = db_run(db,
		            "UPDATE expunged_chunk SET at_ms = 0 WHERE mailbox_id IN"
		            " (SELECT id FROM mailbox WHERE account_id = 0 AND gone_account = $1)",
		            "i", account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM subscription WHERE account_id = $1", "i", account_id);
	if (rc == 0)
		rc = annotation_drop_account(db, account_id);
	if (rc == 0)
		rc = seen_drop_account(db, account_id);
	if (rc == 0)
		rc = acl_drop_account(db, account_id);
	if (rc == 0)
		rc = url_auth_drop_account(db, account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM uid_validity WHERE account_id = $1", "i", account_id);
	if (rc == 0)
		rc = import_remove_account(db, account_id);
	if (rc == 0)
		rc = lesson_remove_account(db, account_id);
	if (rc == 0)
		rc = mail_event_remove_account(db, account_id);
	return rc;
}

/* --- renaming ------------------------------------------------------------------------ */

struct rename_names {
	struct arena *arena;
	struct slice prefix; /* "old/" */
	struct slice *names; /* below the mailbox */
	int64_t *ids;
	size_t count, capacity;
	bool found; /* the mailbox itself */
	int64_t id;
};

static int rename_visit(const struct mailbox_info *info, void *arg)
{
	struct rename_names *r = arg;
	if (slice_equal(info->name, slice_sub(r->prefix, 0, r->prefix.len - 1))) {
		r->found = true;
		r->id = info->id;
	} else if (slice_starts_with(info->name, r->prefix)) {
		if (r->count == r->capacity)
			return -ENFILE;
		r->names[r->count] = arena_copy(r->arena, info->name);
		r->ids[r->count++] = info->id;
	}
	return 0;
}

static int set_name(struct db *db, int64_t mailbox_id, struct slice name)
{
	return db_run(db, "UPDATE mailbox SET name = $2 WHERE id = $1", "it", mailbox_id, name);
}

static int rename_below(struct db *db, const struct rename_names *r, struct slice to)
{
	for (size_t i = 0; i < r->count; i++) {
		struct slice parts[] = { to, slice_from(r->names[i], r->prefix.len - 1) }, name;
		int rc = mailbox_name(r->arena, arena_concat(r->arena, parts, 2), &name);
		if (rc == 0)
			rc = set_name(db, r->ids[i], name);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int rename_tree(struct db *db, struct arena *arena, int64_t account_id, struct slice from,
                       struct slice to)
{
	struct slice parts[] = { from, SLICE("/") };
	struct rename_names r = {
		.arena = arena,
		.prefix = arena_concat(arena, parts, 2),
		.names = ARENA_ARRAY(arena, MAILBOX_PER_ACCOUNT_MAX, struct slice),
		.ids = ARENA_ARRAY(arena, MAILBOX_PER_ACCOUNT_MAX, int64_t),
		.capacity = MAILBOX_PER_ACCOUNT_MAX,
	};
	/* "a" can't become "a/b": it would be below itself. */
	if (slice_starts_with(to, r.prefix))
		return -EINVAL;
	int rc = mailbox_each(db, account_id, rename_visit, &r);
	if (rc != 0)
		return rc;
	if (!r.found && r.count == 0)
		return -ENOENT;
	rc = r.found ? set_name(db, r.id, to) : 0;
	return rc == 0 ? rename_below(db, &r, to) : rc;
}

/* The messages move; INBOX stays, empty. */
static int rename_inbox(struct db *db, struct arena *arena, int64_t account_id, struct slice to)
{
	struct mailbox_copied copied;
	int64_t from_id, to_id;
	int rc = find_id(db, account_id, SLICE("INBOX"), &from_id);
	if (rc == 0)
		rc = mailbox_create(db, account_id, to, USE_NONE, &to_id);
	if (rc == 0)
		rc = mailbox_move(db, arena, from_id, &UID_SET_ALL, to_id, &copied);
	return rc;
}

int mailbox_rename(struct db *db, int64_t account_id, struct slice from, struct slice to)
{
	int64_t id;
	int rc = find_id(db, account_id, to, &id);
	if (rc != -ENOENT)
		return rc == 0 ? -EEXIST : rc;
	struct arena *arena = arena_new();
	rc = is_inbox(from) ? rename_inbox(db, arena, account_id, to)
	                    : rename_tree(db, arena, account_id, from, to);
	arena_free(arena);
	return rc;
}
