#include "directory/settings.h"

#include <errno.h>

int settings_each_verifier(struct db *db, int64_t account_id,
                           int (*visit)(const struct directory_verifier *verifier, void *arg),
                           void *arg)
{
	struct arena *arena = arena_new();
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT kind, value FROM credential WHERE account_id = $1 AND name = ''"
	                  " ORDER BY kind",
	                  "i", account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct directory_verifier verifier = { arena_str(arena, db_text(&rows, 0)),
			                                     arena_str(arena, db_text(&rows, 1)) };
		rc = visit(&verifier, arg);
	}
	db_end(&rows);
	arena_free(arena);
	return rc == -ENODATA ? 0 : rc;
}

int settings_each_alias(struct db *db, struct slice target,
                        int (*visit)(struct slice address, enum alias_kind kind, void *arg),
                        void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT a.address, k.kind FROM alias a LEFT JOIN alias_kind k"
	                  " ON k.address = a.address WHERE a.target = $1 ORDER BY a.address",
	                  "t", target);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = visit(db_text(&rows, 0), (enum alias_kind)db_int(&rows, 1), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int settings_each_app(struct db *db, int64_t account_id,
                      int (*visit)(const struct settings_app *app, void *arg), void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT name, digest, scopes, expires_ms FROM app_password"
	                  " WHERE account_id = $1 ORDER BY name",
	                  "i", account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct settings_app app = { .name = db_text(&rows, 0),
			                          .digest = db_text(&rows, 1),
			                          .scopes = (unsigned)db_int(&rows, 2),
			                          .expires_ms = db_int(&rows, 3) };
		rc = visit(&app, arg);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int settings_each_certificate(struct db *db, int64_t account_id,
                              int (*visit)(struct slice fingerprint, struct slice note, void *arg),
                              void *arg)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT fingerprint, note FROM certificate WHERE account_id = $1"
	                  " ORDER BY fingerprint",
	                  "i", account_id);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		rc = visit(db_text(&rows, 0), db_text(&rows, 1), arg);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}
