/* How an older database becomes this one. */
#include <errno.h>

#include "store/db_sqlite.h"
#include "store/schema.h"

static int schema_version(struct db *db, int64_t *version_out)
{
	int64_t tables;
	int rc = db_get_int(db, &tables, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'",
	                    "");
	if (rc != 0)
		return rc;
	*version_out = 0;
	return tables == 0 ? 0
	                   : db_get_int(db, version_out,
	                                "SELECT value FROM meta WHERE key = 'schema_version'", "");
}

static int migrate_one(struct db *db, const struct schema_migration *m)
{
	int rc = db_execute(db, "BEGIN IMMEDIATE");
	for (size_t i = 0; rc == 0 && m->statements[i]; i++)
		rc = db_execute_once(db, m->statements[i]);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO meta (key, value) VALUES ('schema_version', $1)"
		            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
		            "i", (int64_t)m->version);
	if (rc == 0)
		rc = db_execute(db, "COMMIT");
	if (rc != 0 && db_in_transaction(db))
		db_execute(db, "ROLLBACK");
	return rc;
}

int schema_migrate(struct db *db, const struct schema_migration *list, size_t count)
{
	int64_t version;
	int rc = schema_version(db, &version);
	if (rc != 0)
		return rc;
	if (version > list[count - 1].version)
		return -EPROTO;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (list[i].version > version)
			rc = migrate_one(db, &list[i]);
	}
	return rc;
}
