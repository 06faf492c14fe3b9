#include "store/side.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/db_sqlite.h"

/* Deleted rows need no overwriting: what they are made from lies in the segments. */
static const char side_settings[] = "PRAGMA synchronous = NORMAL;"
				    "PRAGMA wal_autocheckpoint = 4000;"
				    "PRAGMA secure_delete = OFF";

struct side {
	struct db *db;
};

static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int transact(struct db *db, const char *begin, store_fn fn, void *arg)
{
	db->broken = 0;
	int rc = db_execute(db, begin);
	if (rc != 0)
		return rc;
	rc = fn(db, arg);
	if (rc == 0)
		rc = db->broken;
	if (rc == 0)
		rc = db_execute(db, "COMMIT");
	if (db_in_transaction(db))
		db_execute(db, "ROLLBACK");
	return rc;
}

int side_read(struct side *side, store_fn fn, void *arg)
{
	return transact(side->db, "BEGIN", fn, arg);
}

int side_change(struct side *side, store_fn fn, void *arg)
{
	return transact(side->db, "BEGIN IMMEDIATE", fn, arg);
}

static int make_schema(struct db *db, const struct side_config *config)
{
	char version[64];
	snprintf(version, sizeof(version), "PRAGMA user_version = %d", config->version);
	int rc = db_execute(db, "BEGIN IMMEDIATE");
	if (rc == 0)
		rc = db_execute_once(db, config->schema);
	if (rc == 0)
		rc = db_execute_once(db, version);
	return rc == 0 ? db_execute(db, "COMMIT") : rc;
}

static int check_version(struct db *db, const struct side_config *config)
{
	int64_t version;
	int rc = db_get_int(db, &version, "PRAGMA user_version", "");
	if (rc != 0 || version == config->version)
		return rc;
	if (version != 0)
		return -EPROTO;
	return config->change ? make_schema(db, config) : -ENOENT;
}

int side_open(const struct side_config *config, struct side **out)
{
	struct db *db;
	int rc = config->change ? make_file(config->path) : 0;
	if (rc == 0)
		rc = db_open(config->path, DB_READ, &db);
	if (rc != 0)
		return rc;
	rc = db_execute_once(db, side_settings);
	if (rc == 0 && config->change)
		rc = db_execute_once(db, "PRAGMA query_only = OFF; PRAGMA cache_size = -16384");
	if (rc == 0)
		rc = check_version(db, config);
	if (rc != 0) {
		db_close(db);
		return rc;
	}
	*out = mem_zero(1, sizeof(**out));
	(*out)->db = db;
	return 0;
}

void side_close(struct side *side)
{
	if (!side)
		return;
	db_close(side->db);
	free(side);
}

/* --- files --------------------------------------------------------------------------- */

static const char *const suffixes[] = { "", "-wal", "-shm" };
enum { SUFFIXES = sizeof(suffixes) / sizeof(suffixes[0]) };

void side_remove(const char *path)
{
	struct arena *arena = arena_new();
	for (size_t i = 0; i < SUFFIXES; i++)
		unlink(arena_printf(arena, "%s%s", path, suffixes[i]));
	arena_free(arena);
}

uint64_t side_bytes(const char *path)
{
	struct arena *arena = arena_new();
	struct stat st;
	uint64_t bytes = 0;
	for (size_t i = 0; i < SUFFIXES; i++) {
		if (stat(arena_printf(arena, "%s%s", path, suffixes[i]), &st) == 0)
			bytes += (uint64_t)st.st_size;
	}
	arena_free(arena);
	return bytes;
}
