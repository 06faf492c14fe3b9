#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/log.h"
#include "store/schema.h"
#include "store/store_internal.h"

const char *store_node(const struct store *s) { return s->node; }

bool store_failed(const struct store *s) { return atomic_load(&s->failed); }

void store_fail(struct store *s, const char *what, int error)
{
	if (!atomic_exchange(&s->failed, true))
		log_error("store.failed", kv_str("what", what), kv_error(error),
		          kv_str("dir", s->dir), kv_str("remedy", "mend the disk, then restart"));
}

struct store_counts store_counts(const struct store *s)
{
	return (struct store_counts){
		.commits = atomic_load(&s->commits),
		.groups = atomic_load(&s->groups),
		.syncs = atomic_load(&s->syncs),
		.blob_bytes = atomic_load(&s->blob_bytes),
		.reads = atomic_load(&s->reads),
		.failed = atomic_load(&s->commits_failed),
	};
}

/* --- the directory ------------------------------------------------------------------- */

static int sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fsync(fd) != 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) != 0 && errno != EEXIST ? -errno : 0;
}

static int make_place(struct store *s, struct arena *arena)
{
	int rc = make_dir(s->dir);
	if (rc == 0)
		rc = make_dir(arena_printf(arena, "%s/" SEGMENT_DIR, s->dir));
	if (rc != 0)
		return rc;
	/* Made before SQLite does, since mail is nobody else's to read. */
	int fd = open(s->database, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return sync_dir(s->dir);
}

/* Under the lock. One that a power failure took away is made anew: nobody has to know it again. */
static int read_node(struct store *s)
{
	ssize_t len = pread(s->lock_fd, s->node, STORE_NODE_LEN, 0);
	if (len < 0)
		return -errno;
	if (len == STORE_NODE_LEN && strspn(s->node, "0123456789abcdef") == STORE_NODE_LEN)
		return 0;
	snprintf(s->node, sizeof(s->node), "%016llx", (unsigned long long)random_u64());
	return pwrite(s->lock_fd, s->node, STORE_NODE_LEN, 0) < 0 ? -errno : 0;
}

static int open_lock(struct store *s, struct arena *arena)
{
	const char *path = arena_printf(arena, "%s/" STORE_LOCK, s->dir);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return -errno;
	return flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0 ? -errno : read_node(s);
}

static int open_place(struct store *s, bool create, struct arena *arena)
{
	int rc = create ? make_place(s, arena) : 0;
	if (rc != 0)
		return rc;
	if (access(s->database, F_OK) != 0)
		return -errno;
	if (!s->read_only)
		rc = open_lock(s, arena);
	if (rc != 0)
		return rc;
	s->segments_fd = open(arena_printf(arena, "%s/" SEGMENT_DIR, s->dir),
	                      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->segments_fd < 0 ? -errno : 0;
}

/* --- opening and closing ------------------------------------------------------------- */

static int open_log(struct store *s, uint64_t segment_bytes)
{
	int64_t largest;
	int rc = db_get_int(s->writer, &largest, "SELECT coalesce(max(id), 0) FROM blob", "");
	if (rc != 0)
		return rc;
	s->next_blob_id = (uint64_t)largest + 1;
	return segment_log_open(s->segments_fd, s->io,
	                        segment_bytes ? segment_bytes : SEGMENT_BYTES, &s->next_blob_id,
	                        &s->log);
}

/* A backup is good to read as it is, or not at all. */
static int check_version(struct store *s)
{
	struct db *db;
	int64_t version;
	int rc = store_take_reader(s, &db);
	if (rc != 0)
		return rc;
	rc = db_get_int(db, &version,
	                "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema_version'", "");
	store_give_reader(s, db);
	int known = schema_migrations[schema_migration_count - 1].version;
	if (rc != 0)
		return rc;
	return version == known ? 0 : version < known ? -ESTALE : -EPROTO;
}

static int open_for_reading(struct store *s, struct arena *arena)
{
	int rc = open_place(s, false, arena);
	if (rc == 0)
		rc = check_version(s);
	if (rc == 0)
		s->files = segment_files_new(s->segments_fd, s->squeezer);
	return rc;
}

static int open_all(struct store *s, const struct store_config *config, struct arena *arena)
{
	int rc = open_place(s, config->create, arena);
	if (rc == 0)
		rc = db_open(s->database, DB_WRITE, &s->writer);
	if (rc == 0)
		rc = schema_migrate(s->writer, schema_migrations, schema_migration_count);
	if (rc == 0)
		rc = db_open(s->database, DB_WRITE, &s->checkpoint_db);
	if (rc == 0)
		rc = open_log(s, config->segment_bytes);
	if (rc != 0)
		return rc;
	s->files = segment_files_new(s->segments_fd, s->squeezer);
	rc = store_start_keepers(s);
	if (rc == 0)
		rc = store_start_writers(s);
	if (rc == 0)
		keeper_ask(&s->settler);
	return rc;
}

int store_open(const struct store_config *config, struct store **out)
{
	/* Without this every allocation of SQLite takes a lock. Refused after the first time. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	struct store *s = mem_zero(1, sizeof(*s));
	struct arena *arena = arena_new();
	s->dir = mem_str(slice_from_str(config->dir));
	s->database = mem_str(slice_from_str(arena_printf(arena, "%s/" STORE_DATABASE, s->dir)));
	s->io = config->io ? config->io : &store_io_system;
	s->lock_fd = s->segments_fd = -1;
	s->read_only = config->read_only;
	s->queue_end = &s->queue;
	s->squeezer = squeezer_new();
	s->fresh_bytes = config->fresh_bytes ? config->fresh_bytes : STORE_FRESH_BYTES;
	s->compress = config->compress;
	s->compress_after_ms = config->compress_after_ms;
	s->checkpoint_due = STORE_CHECKPOINT_PAGES;
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_cond_init(&s->queue_filled, NULL);
	pthread_mutex_init(&s->commit_turn, NULL);
	pthread_mutex_init(&s->done_lock, NULL);
	pthread_cond_init(&s->done_some, NULL);
	pthread_mutex_init(&s->readers_lock, NULL);
	int rc = s->read_only ? open_for_reading(s, arena) : open_all(s, config, arena);
	arena_free(arena);
	if (rc != 0)
		store_close(s);
	else
		*out = s;
	return rc;
}

static void close_readers(struct store *s)
{
	while (s->readers) {
		struct db *db = s->readers;
		s->readers = db->next_free;
		db_close(db);
	}
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_stop_settler(s);
	store_stop_writers(s);
	store_stop_keepers(s);
	close_readers(s);
	segment_files_free(s->files);
	squeezer_free(s->squeezer);
	segment_log_close(s->log);
	db_close(s->checkpoint_db);
	db_close(s->writer);
	if (s->segments_fd >= 0)
		close(s->segments_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_mutex_destroy(&s->readers_lock);
	pthread_cond_destroy(&s->done_some);
	pthread_mutex_destroy(&s->done_lock);
	pthread_mutex_destroy(&s->commit_turn);
	pthread_cond_destroy(&s->queue_filled);
	pthread_mutex_destroy(&s->queue_lock);
	free(s->database);
	free(s->dir);
	free(s);
}
