#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/backup_copy.h"
#include "store/segment.h"

enum { TRIES = 5, BUSY_TIMEOUT_MS = 10000, DEPTH_MAX = 8 };

#define DATABASE     "veredus.db"
#define PARTIAL      ".partial"
#define SEGMENT_LIST "segments.list"
#define UNFINISHED   "restore.unfinished"

struct work {
	struct arena *arena;
	const char *dir, *target;
	const char *generation; /* the path of the one that is made or read */
	const char *what;       /* what is being done, for errors */
	uint64_t bytes;
	uint64_t copied;
	/* Of a walk. */
	const char *from, *to;
	int depth;
};

static const char *join(struct work *w, const char *dir, const char *name)
{
	return arena_printf(w->arena, "%s/%s", dir, name);
}

static int make_directory(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* --- segments --------------------------------------------------------------------------- */

static bool read_header(const char *path, char out[static SEGMENT_HEADER_LEN])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, out, SEGMENT_HEADER_LEN) == SEGMENT_HEADER_LEN;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A segment of another store must not take the place of the one that older generations need:
 * headers have a random salt. */
static bool is_foreign(const char *from, const char *to)
{
	char a[SEGMENT_HEADER_LEN], b[SEGMENT_HEADER_LEN];
	return read_header(from, a) && read_header(to, b) && memcmp(a, b, sizeof(a)) != 0;
}

static int copy_segment(const char *name, void *arg)
{
	struct work *w = arg;
	if (segment_number(name) == 0)
		return 0;
	const char *from = join(w, w->from, name), *to = join(w, w->to, name);
	if (copy_is_current(from, to))
		return 0;
	w->what = from;
	if (is_foreign(from, to))
		return -EXDEV;
	int rc = copy_file(w->arena, from, to, &w->bytes);
	if (rc == -ENOENT) /* collected meanwhile */
		return 0;
	w->copied += rc == 0;
	return rc;
}

static int copy_segments(struct work *w, const char *from_dir, const char *to_dir)
{
	w->from = join(w, from_dir, SEGMENT_DIR);
	w->to = join(w, to_dir, SEGMENT_DIR);
	w->what = w->to;
	int rc = make_directory(w->to);
	w->what = w->from;
	return rc == 0 ? copy_each(w->from, copy_segment, w) : rc;
}

/* --- the database ----------------------------------------------------------------------- */

static int sqlite_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static int open_sqlite(const char *path, int flags, sqlite3 **out)
{
	int rc = sqlite3_open_v2(path, out, flags, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(*out, BUSY_TIMEOUT_MS);
	return sqlite_errno(rc);
}

/* In one step: a commit between two would start it over, and commits are not held up by it. The
 * copy then needs no files beside it. */
static int copy_rows(sqlite3 *from, sqlite3 *to)
{
	int rc = sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
	if (!b)
		return sqlite_errno(rc == SQLITE_OK ? sqlite3_errcode(to) : rc);
	do {
		rc = sqlite3_backup_step(b, -1);
	} while (rc == SQLITE_OK);
	int end = sqlite3_backup_finish(b);
	if (rc == SQLITE_DONE && end == SQLITE_OK)
		end = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	return rc == SQLITE_DONE ? sqlite_errno(end) : sqlite_errno(rc);
}

static int copy_database(struct work *w)
{
	sqlite3 *from = NULL, *to = NULL;
	struct stat st;
	const char *source = join(w, w->dir, DATABASE);
	const char *copy = join(w, w->generation, DATABASE);
	w->what = source;
	if (stat(source, &st) < 0)
		return -errno;
	unlink(copy);
	int rc = open_sqlite(source, SQLITE_OPEN_READWRITE, &from);
	if (rc == 0)
		rc = open_sqlite(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to);
	if (rc == 0)
		rc = copy_rows(from, to);
	sqlite3_close(from);
	if (sqlite3_close(to) != SQLITE_OK && rc == 0)
		rc = -EIO;
	if (rc == 0 && (chmod(copy, 0600) < 0 || stat(copy, &st) < 0))
		rc = -errno;
	if (rc == 0)
		w->bytes += (uint64_t)st.st_size;
	if (rc == 0 && geteuid() == 0 && stat(source, &st) == 0 &&
	    chown(copy, st.st_uid, st.st_gid) < 0)
		rc = -errno;
	return rc;
}

/* Is the end of each segment that rows name in the copy? Writes the list of them. -EAGAIN: no. */
static int check_rows(struct work *w, sqlite3_stmt *rows, FILE *list, uint64_t *count_out)
{
	char name[SEGMENT_NAME_LEN];
	struct stat st;
	int rc;
	*count_out = 0;
	while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
		segment_name((uint32_t)sqlite3_column_int64(rows, 0), name);
		const char *path = arena_printf(w->arena, "%s/" SEGMENT_DIR "/%s", w->target, name);
		w->what = path;
		if (stat(path, &st) < 0 || st.st_size < sqlite3_column_int64(rows, 1))
			return -EAGAIN;
		fprintf(list, "%s\n", name);
		++*count_out;
	}
	return sqlite_errno(rc);
}

static int check_database(struct work *w, uint64_t *count_out)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *rows = NULL;
	FILE *list = fopen(join(w, w->generation, SEGMENT_LIST), "we");
	if (!list)
		return -errno;
	int rc = open_sqlite(join(w, w->generation, DATABASE), SQLITE_OPEN_READONLY, &db);
	if (rc == 0)
		rc = sqlite_errno(sqlite3_prepare_v2(
			db,
			"SELECT segment, max(position) FROM blob WHERE segment > 0"
			" GROUP BY segment ORDER BY segment",
			-1, &rows, NULL));
	if (rc == 0)
		rc = check_rows(w, rows, list, count_out);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	if (fclose(list) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

/* --- all other files -------------------------------------------------------------------- */

static bool is_left_out(const struct work *w, struct slice name)
{
	if (slice_ends_with(name, SLICE(".tmp")))
		return true;
	return w->depth == 0 &&
	       (slice_starts_with(name, SLICE(DATABASE)) || slice_equal(name, SLICE("segments")) ||
	        slice_equal(name, SLICE("tmp")) || slice_equal(name, SLICE("store.lock")) ||
	        slice_equal(name, SLICE(SEGMENT_LIST)));
}

static int copy_other(const char *name, void *arg)
{
	struct work *w = arg;
	struct stat st;
	if (is_left_out(w, slice_from_str(name)))
		return 0;
	struct work below = *w;
	below.from = join(w, w->from, name);
	below.to = join(w, w->to, name);
	below.depth++;
	int rc = 0;
	w->what = below.from;
	if (stat(below.from, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISREG(st.st_mode))
		return copy_file(w->arena, below.from, below.to, &w->bytes);
	if (!S_ISDIR(st.st_mode) || below.depth > DEPTH_MAX) /* sockets */
		return 0;
	rc = make_directory(below.to);
	if (rc == 0)
		rc = copy_each(below.from, copy_other, &below);
	w->bytes = below.bytes;
	w->what = below.what;
	return rc;
}

static int copy_others(struct work *w, const char *from, const char *to)
{
	w->from = from;
	w->to = to;
	w->depth = 0;
	return copy_each(from, copy_other, w);
}

/* --- generations ------------------------------------------------------------------------ */

struct names {
	struct arena *arena;
	const char **names;
	size_t count, capacity;
};

/* Digits, T, digits, Z. */
static bool is_generation(struct slice name)
{
	if (name.len != 16 || name.data[8] != 'T' || name.data[15] != 'Z')
		return false;
	for (size_t i = 0; i < 15; i++) {
		if (i != 8 && !byte_is_digit(name.data[i]))
			return false;
	}
	return true;
}

static int add_generation(const char *name, void *arg)
{
	struct names *n = arg;
	if (!is_generation(slice_from_str(name)))
		return 0;
	if (n->count == n->capacity) {
		size_t capacity = n->capacity ? n->capacity * 2 : 16;
		const char **names = ARENA_ARRAY(n->arena, capacity, const char *);
		for (size_t i = 0; i < n->count; i++)
			names[i] = n->names[i];
		n->names = names;
		n->capacity = capacity;
	}
	n->names[n->count++] = arena_str(n->arena, slice_from_str(name));
	return 0;
}

int backup_list(struct arena *arena, const char *target, const char ***names_out, size_t *count_out)
{
	struct names n = { .arena = arena };
	int rc = copy_each(target, add_generation, &n);
	*names_out = n.names;
	*count_out = n.count;
	return rc;
}

static int remove_partial(const char *name, void *arg)
{
	struct work *w = arg;
	if (!slice_ends_with(slice_from_str(name), SLICE(PARTIAL)))
		return 0;
	return copy_remove_tree(w->arena, join(w, w->target, name));
}

static bool is_listed(struct work *w, const struct names *kept, const char *segment)
{
	char line[SEGMENT_NAME_LEN + 2];
	bool found = false;
	for (size_t i = 0; i < kept->count && !found; i++) {
		FILE *list = fopen(
			arena_printf(w->arena, "%s/%s/" SEGMENT_LIST, w->target, kept->names[i]),
			"re");
		if (!list) /* nothing is known to be of no use */
			return true;
		while (!found && fgets(line, sizeof(line), list))
			found = slice_equal(slice_trim(slice_from_str(line)),
			                    slice_from_str(segment));
		fclose(list);
	}
	return found;
}

struct pruning {
	struct work *w;
	const struct names *kept;
};

/* What the original has still, a later generation may need. */
static int prune_segment(const char *name, void *arg)
{
	struct pruning *p = arg;
	struct work *w = p->w;
	const char *original = arena_printf(w->arena, "%s/" SEGMENT_DIR "/%s", w->dir, name);
	if (access(original, F_OK) == 0 || is_listed(w, p->kept, name))
		return 0;
	return unlink(arena_printf(w->arena, "%s/" SEGMENT_DIR "/%s", w->target, name)) < 0 ? -errno
	                                                                                    : 0;
}

/* Old generations go under a name that tells that they are not whole any more. */
static int prune(struct work *w, unsigned keep)
{
	struct names n = { .arena = w->arena };
	int rc = copy_each(w->target, add_generation, &n);
	w->what = w->target;
	while (rc == 0 && n.count > keep) {
		const char *path = join(w, w->target, n.names[0]);
		const char *going = arena_printf(w->arena, "%s" PARTIAL, path);
		rc = rename(path, going) < 0 ? -errno : copy_remove_tree(w->arena, going);
		n.names++;
		n.count--;
	}
	struct pruning p = { w, &n };
	if (rc == 0)
		rc = copy_each(join(w, w->target, SEGMENT_DIR), prune_segment, &p);
	return rc;
}

/* --- a backup --------------------------------------------------------------------------- */

static int open_lock(struct work *w)
{
	w->what = w->target;
	int rc = make_directory(w->target);
	if (rc < 0)
		return rc;
	int fd = open(join(w, w->target, "backup.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* A name of a second that has no generation yet. */
static void choose_name(struct work *w, char out[static BACKUP_NAME_LEN])
{
	time_t now = time(NULL);
	struct tm tm;
	do {
		gmtime_r(&now, &tm);
		strftime(out, BACKUP_NAME_LEN, "%Y%m%dT%H%M%SZ", &tm);
		now++;
	} while (access(join(w, w->target, out), F_OK) == 0);
}

static int copy_consistently(struct work *w, uint64_t *segments_out)
{
	int rc = copy_segments(w, w->dir, w->target);
	for (int i = 0; rc == 0 && i < TRIES; i++) {
		rc = copy_database(w);
		if (rc == 0)
			rc = copy_segments(w, w->dir, w->target);
		if (rc == 0)
			rc = check_database(w, segments_out);
		if (rc != -EAGAIN)
			return rc;
		rc = i + 1 < TRIES ? 0 : rc;
	}
	return rc;
}

static int make(struct work *w, struct backup_made *made)
{
	choose_name(w, made->name);
	const char *whole = join(w, w->target, made->name);
	w->generation = arena_printf(w->arena, "%s" PARTIAL, whole);
	w->what = w->generation;
	int rc = make_directory(w->generation);
	if (rc == 0 && symlink("../" SEGMENT_DIR, join(w, w->generation, SEGMENT_DIR)) < 0)
		rc = -errno;
	if (rc == 0)
		rc = copy_consistently(w, &made->segments);
	if (rc == 0)
		rc = copy_others(w, w->dir, w->generation);
	w->what = rc == 0 ? w->target : w->what;
	if (rc == 0)
		rc = copy_sync(w->target);
	if (rc == 0 && rename(w->generation, whole) < 0)
		rc = -errno;
	return rc == 0 ? copy_sync(w->target) : rc;
}

int backup_make(struct arena *arena, const char *dir, const char *target, unsigned keep,
                struct backup_made *out, const char **what_out)
{
	struct work w = { .arena = arena, .dir = dir, .target = target };
	struct backup_made made = { .segments = 0 };
	int lock = open_lock(&w);
	int rc = lock < 0 ? lock : copy_each(target, remove_partial, &w);
	if (rc == 0)
		rc = make(&w, &made);
	if (rc == 0)
		rc = prune(&w, keep > 0 ? keep : 1);
	if (lock >= 0)
		close(lock);
	made.segments_copied = w.copied;
	made.bytes_copied = w.bytes;
	*what_out = w.what;
	if (rc == 0)
		*out = made;
	return rc;
}

/* --- and back --------------------------------------------------------------------------- */

static int find_segment(const char *name, void *unused)
{
	(void)unused;
	return segment_number(name) ? -ENOTEMPTY : 0;
}

/* Segments that are there may be all that somebody has of his newest mail. Those of a restore that
 * was interrupted are not. */
static int begin_restore(struct work *w)
{
	const char *segments = join(w, w->dir, SEGMENT_DIR);
	const char *mark = join(w, w->dir, UNFINISHED);
	int rc = access(mark, F_OK) == 0 ? 0 : copy_each(segments, find_segment, NULL);
	w->what = segments;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return copy_sync(w->dir);
}

static int restore(struct work *w)
{
	const char *database = join(w, w->dir, DATABASE);
	w->what = database;
	if (access(database, F_OK) == 0)
		return -EEXIST;
	w->what = w->dir;
	int rc = make_directory(w->dir);
	if (rc == 0)
		rc = begin_restore(w);
	if (rc == 0)
		rc = copy_segments(w, w->generation, w->dir);
	if (rc == 0)
		rc = copy_others(w, w->generation, w->dir);
	if (rc == 0)
		rc = copy_sync(w->dir);
	w->what = database;
	if (rc == 0)
		rc = copy_file(w->arena, join(w, w->generation, DATABASE), database, &w->bytes);
	if (rc == 0 && unlink(join(w, w->dir, UNFINISHED)) < 0)
		rc = -errno;
	return rc == 0 ? copy_sync(w->dir) : rc;
}

/* What the files belong to, so that the server may make more of them. */
static int take_owner(struct work *w)
{
	struct stat st;
	if (geteuid() != 0)
		return 0;
	if (stat(join(w, w->generation, DATABASE), &st) < 0 ||
	    chown(w->dir, st.st_uid, st.st_gid) < 0 ||
	    chown(join(w, w->dir, SEGMENT_DIR), st.st_uid, st.st_gid) < 0)
		return -errno;
	return 0;
}

int backup_restore(struct arena *arena, const char *target, const char *name, const char *dir,
                   uint64_t *bytes_out, const char **what_out)
{
	struct work w = { .arena = arena, .dir = dir, .target = target };
	w.generation = join(&w, target, name);
	int rc = restore(&w);
	if (rc == 0)
		rc = take_owner(&w);
	*bytes_out = w.bytes;
	*what_out = w.what;
	return rc;
}
