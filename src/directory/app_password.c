#include "directory/app_password.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "directory/directory.h"

#define APP_COLUMNS "id, name, scopes, created_ms, expires_ms, used_ms, used_from"

/* --- scopes ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned bit;
} scope_names[] = {
	{ "smtp", APP_SCOPE_SMTP },
	{ "imap", APP_SCOPE_IMAP },
	{ "pop3", APP_SCOPE_POP3 },
};
enum { SCOPES = sizeof(scope_names) / sizeof(scope_names[0]) };

static unsigned scope_of(struct slice name)
{
	for (size_t i = 0; i < SCOPES; i++) {
		if (slice_equal_nocase(name, slice_from_str(scope_names[i].name)))
			return scope_names[i].bit;
	}
	return 0;
}

bool app_scopes_parse(struct slice text, unsigned *scopes_out)
{
	unsigned scopes = 0;
	do {
		unsigned bit = scope_of(slice_trim(slice_split(&text, ',')));
		if (bit == 0)
			return false;
		scopes |= bit;
	} while (text.len > 0);
	*scopes_out = scopes;
	return true;
}

const char *app_scopes_text(unsigned scopes, char out[static APP_SCOPES_TEXT])
{
	struct buf text = buf_make(APP_SCOPES_TEXT - 1);
	for (size_t i = 0; i < SCOPES; i++) {
		if (scopes & scope_names[i].bit)
			buf_printf(&text, "%s%s", text.len > 0 ? "," : "", scope_names[i].name);
	}
	memcpy(out, buf_slice(&text).data, text.len);
	out[text.len] = '\0';
	buf_free(&text);
	return out;
}

/* --- changing --------------------------------------------------------------------------- */

static bool is_possible_name(struct slice name)
{
	if (name.len == 0 || name.len > APP_NAME_MAX || !slice_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if ((unsigned char)name.data[i] < ' ' || name.data[i] == 0x7f)
			return false;
	}
	return true;
}

static int count_named(struct db *db, int64_t account_id, struct slice name, int64_t *count_out)
{
	return db_get_int(db, count_out,
	                  "SELECT count(*) FROM app_password WHERE account_id = $1 AND name = $2",
	                  "it", account_id, name);
}

/* The first name that is free; there are more names than an account may have passwords. */
static int pick_name(struct db *db, struct arena *a, int64_t account_id, const char **out)
{
	int64_t taken = 1;
	int rc = 0;
	for (int i = 1; taken > 0 && rc == 0; i++) {
		*out = arena_printf(a, "app-%d", i);
		rc = count_named(db, account_id, slice_from_str(*out), &taken);
	}
	return rc;
}

static int check_name(struct db *db, int64_t account_id, struct slice name)
{
	int64_t taken;
	if (!is_possible_name(name))
		return -EINVAL;
	int rc = count_named(db, account_id, name, &taken);
	if (rc < 0)
		return rc;
	return taken > 0 ? -EEXIST : 0;
}

static int check_room(struct db *db, int64_t account_id)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM app_password WHERE account_id = $1",
	                    "i", account_id);
	if (rc < 0)
		return rc;
	return count >= APP_PER_ACCOUNT ? -EDQUOT : 0;
}

int directory_add_app_password(struct db *db, struct arena *a, const struct app_password_new *app,
                               const char **name_out)
{
	struct account account;
	const char *name = app->name;
	int rc = directory_find_account(db, a, app->account, &account);
	if (rc == 0)
		rc = check_room(db, account.id);
	if (rc == 0)
		rc = name ? check_name(db, account.id, slice_from_str(name))
		          : pick_name(db, a, account.id, &name);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO app_password (account_id, name, digest, scopes,"
		            " created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)",
		            "issiii", account.id, name, app->digest, (int64_t)app->scopes,
		            clock_wall_ms(), app->expires_ms);
	if (rc == 0)
		*name_out = arena_str(a, slice_from_str(name));
	return rc;
}

int directory_remove_app_password(struct db *db, struct slice account, struct slice name)
{
	int64_t changed = 0;
	int rc = db_change(db, &changed,
	                   "DELETE FROM app_password WHERE name = $2 AND account_id ="
	                   " (SELECT id FROM account WHERE address = $1)",
	                   "tt", account, name);
	if (rc < 0)
		return rc;
	return changed > 0 ? 0 : -ENOENT;
}

int directory_note_app_use(struct db *db, int64_t id, int64_t used_ms, struct slice used_from)
{
	return db_run(db,
	              "UPDATE app_password SET used_ms = $2, used_from = $3"
	              " WHERE id = $1 AND used_ms < $2",
	              "iit", id, used_ms, used_from);
}

/* --- finding ---------------------------------------------------------------------------- */

static struct app_password read_app(const struct db_rows *rows, struct arena *a)
{
	return (struct app_password){ .id = db_int(rows, 0),
		                      .name = arena_str(a, db_text(rows, 1)),
		                      .scopes = (unsigned)db_int(rows, 2),
		                      .created_ms = db_int(rows, 3),
		                      .expires_ms = db_int(rows, 4),
		                      .used_ms = db_int(rows, 5),
		                      .used_from = arena_str(a, db_text(rows, 6)) };
}

int directory_find_app_password(struct db *db, struct arena *a, int64_t account_id,
                                const char *digest, struct app_password *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " APP_COLUMNS " FROM app_password"
	                  " WHERE account_id = $1 AND digest = $2",
	                  "is", account_id, digest);
	if (rc == 0 && (rc = db_next(&rows)) == 0)
		*out = read_app(&rows, a);
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

int directory_each_app_password(struct db *db, struct slice account, app_password_visit visit,
                                void *arg)
{
	struct arena *a = arena_new();
	struct account found;
	struct db_rows rows = { 0 };
	int rc = directory_find_account(db, a, account, &found);
	if (rc == 0)
		rc = db_query(db, &rows,
		              "SELECT " APP_COLUMNS " FROM app_password WHERE account_id = $1"
		              " ORDER BY name",
		              "i", found.id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct app_password app = read_app(&rows, a);
		rc = visit(&app, arg);
	}
	db_end(&rows);
	arena_free(a);
	return rc == -ENODATA ? 0 : rc;
}
