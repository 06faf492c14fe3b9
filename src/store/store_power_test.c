/* The power goes off: of each file there is left what it held when it was last synced, and of the
 * directory of segments the names that it had when that was. What store_commit() had promised by
 * then must be in it, whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_io.h"
#include "store/store_testing.h"

enum { MESSAGES = 40, LEN = 12000, FILES = 900 };

/* SQLite's VFS has no place for an argument, so this is of the file. */
static struct {
	const char *of;  /* the data directory that is watched */
	const char *dir; /* copies: by inode for segments, by name for the database */
	pthread_mutex_t lock;
} shadow = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void copy_fd(int from, const char *to)
{
	struct stat st;
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fstat(from, &st), 0);
	off_t at = 0;
	while (at < st.st_size && sendfile(fd, from, &at, (size_t)(st.st_size - at)) > 0)
		;
	assert_int_equal(at, st.st_size);
	close(fd);
}

static bool copy_file(const char *from, const char *to)
{
	int fd = open(from, O_RDONLY);
	if (fd < 0)
		return false;
	copy_fd(fd, to);
	close(fd);
	return true;
}

/* --- what a sync keeps ------------------------------------------------------------------- */

static const char *path_of_inode(struct arena *arena, uint64_t inode)
{
	return arena_printf(arena, "%s/inode-%" PRIu64, shadow.dir, inode);
}

static int keep_file(int fd)
{
	struct arena *arena = arena_new();
	struct stat st;
	int rc = store_io_system.fdatasync(fd) == 0 ? fstat(fd, &st) : -1;
	pthread_mutex_lock(&shadow.lock);
	if (rc == 0)
		copy_file(arena_printf(arena, "/proc/self/fd/%d", fd),
		          path_of_inode(arena, st.st_ino));
	pthread_mutex_unlock(&shadow.lock);
	arena_free(arena);
	return rc;
}

static int keep_names(int dir_fd)
{
	struct arena *arena = arena_new();
	pthread_mutex_lock(&shadow.lock);
	FILE *names = fopen(arena_printf(arena, "%s/names", shadow.dir), "w");
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		fprintf(names, "%" PRIu64 " %s\n", (uint64_t)e->d_ino, e->d_name);
	closedir(dir);
	fclose(names);
	pthread_mutex_unlock(&shadow.lock);
	arena_free(arena);
	return store_io_system.fsync(dir_fd);
}

static sqlite3_vfs shadow_vfs;
static sqlite3_vfs *system_vfs;

/* One for each file that was ever open: found by its methods, which are its own. */
static struct shadowed {
	sqlite3_io_methods methods;
	const sqlite3_io_methods *system;
	const char *path; /* SQLite's, as long as the file is open */
} shadowed[FILES];
static atomic_int shadowed_count;

static void keep_database(const char *path)
{
	size_t len = strlen(shadow.of);
	if (strncmp(path, shadow.of, len) != 0 || path[len] != '/')
		return;
	struct arena *arena = arena_new();
	pthread_mutex_lock(&shadow.lock);
	copy_file(path, arena_printf(arena, "%s%s", shadow.dir, path + len));
	pthread_mutex_unlock(&shadow.lock);
	arena_free(arena);
}

static int sync_shadowed(sqlite3_file *file, int flags)
{
	const struct shadowed *s = (const struct shadowed *)(const void *)file->pMethods;
	int rc = s->system->xSync(file, flags);
	if (rc == SQLITE_OK)
		keep_database(s->path);
	return rc;
}

static int open_shadowed(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *flags_out)
{
	(void)vfs;
	int rc = system_vfs->xOpen(system_vfs, name, file, flags, flags_out);
	if (rc != SQLITE_OK || !name)
		return rc;
	int number = shadowed_count++;
	assert_true(number < FILES);
	struct shadowed *s = &shadowed[number];
	s->methods = *file->pMethods;
	s->methods.xSync = sync_shadowed;
	s->system = file->pMethods;
	s->path = name;
	file->pMethods = &s->methods;
	return rc;
}

static int register_vfs(void **state)
{
	(void)state;
	system_vfs = sqlite3_vfs_find(NULL);
	shadow_vfs = *system_vfs;
	shadow_vfs.zName = "shadow";
	shadow_vfs.xOpen = open_shadowed;
	return sqlite3_vfs_register(&shadow_vfs, 1) == SQLITE_OK ? 0 : -1;
}

/* --- what is left ------------------------------------------------------------------------ */

static void copy_segments(struct arena *arena, const char *dir)
{
	uint64_t inode;
	char name[64];
	FILE *names = fopen(arena_printf(arena, "%s/names", shadow.dir), "r");
	if (!names) /* no segment yet */
		return;
	while (fscanf(names, "%" SCNu64 " %63s", &inode, name) == 2) {
		if (name[0] == '.')
			continue;
		const char *path = arena_printf(arena, "%s/segments/%s", dir, name);
		if (!copy_file(path_of_inode(arena, inode), path)) /* no byte of it is left */
			close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	fclose(names);
}

static void copy_database(struct arena *arena, const char *dir, const char *name)
{
	copy_file(arena_printf(arena, "%s/%s", shadow.dir, name),
	          arena_printf(arena, "%s/%s", dir, name));
}

static struct store *open_after_power_loss(const char *dir)
{
	struct arena *arena = arena_new();
	struct store *s = NULL;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(arena_printf(arena, "%s/segments", dir), 0700), 0);
	pthread_mutex_lock(&shadow.lock);
	copy_segments(arena, dir);
	copy_database(arena, dir, "veredus.db");
	copy_database(arena, dir, "veredus.db-wal");
	pthread_mutex_unlock(&shadow.lock);
	struct store_config config = { .dir = dir, .segment_bytes = 64 << 10 };
	assert_int_equal(store_open(&config, &s), 0);
	arena_free(arena);
	return s;
}

static struct slice bytes_of(char *out, int64_t i)
{
	memset(out, (int)('0' + i), LEN);
	return slice_of(out, LEN);
}

/* removed: those whose number is odd. */
static void expect_all(const char *after, const int64_t *ids, int count, bool removed)
{
	struct store *s = open_after_power_loss(after);
	char *bytes = mem_alloc(LEN);
	for (int i = 0; i < count; i++) {
		if (!removed || i % 2 == 0)
			assert_true(testing_blob_is(s, ids[i], bytes_of(bytes, i)));
	}
	struct store_check check = { 0 };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
	int64_t id;
	assert_int_equal(testing_put(s, 1000, SLICE("and it goes on"), &id), 0);
	assert_true(testing_blob_is(s, id, SLICE("and it goes on")));
	store_close(s);
	free(bytes);
	testing_remove_tree(after);
}

static struct store *open_shadowed_store(const struct store_io *io, uint64_t fresh_bytes)
{
	struct store_config config = { .dir = shadow.of,
		                       .create = true,
		                       .segment_bytes = 64 << 10,
		                       .fresh_bytes = fresh_bytes,
		                       .io = io };
	struct store *s = NULL;
	assert_int_equal(mkdir(shadow.dir, 0700), 0);
	assert_int_equal(store_open(&config, &s), 0);
	return s;
}

static void expect_promises_kept(const char *dir, uint64_t fresh_bytes)
{
	struct arena *arena = arena_new();
	struct store_io io = store_io_system;
	int64_t ids[MESSAGES];
	uint64_t freed;
	io.fdatasync = keep_file;
	io.fsync = keep_names;
	shadow.of = dir;
	shadow.dir = arena_printf(arena, "%s-shadow", shadow.of);
	const char *after = arena_printf(arena, "%s-after", shadow.of);
	char *bytes = arena_alloc(arena, LEN);
	struct store *s = open_shadowed_store(&io, fresh_bytes);
	for (int i = 0; i < MESSAGES; i++) {
		assert_int_equal(testing_put(s, i, bytes_of(bytes, i), &ids[i]), 0);
		expect_all(after, ids, i + 1, false);
	}
	for (int i = 1; i < MESSAGES; i += 2)
		assert_int_equal(testing_remove(s, i, ids[i]), 0);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_true(freed > 0);
	expect_all(after, ids, MESSAGES, true);
	store_close(s);
	testing_remove_tree(shadow.dir);
	arena_free(arena);
}

static void what_was_promised_is_there(void **state) { expect_promises_kept(*state, 1); }

/* While the settler is at it. */
static void what_is_fresh_is_there(void **state) { expect_promises_kept(*state, 0); }

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(what_was_promised_is_there),
		UNIT(what_is_fresh_is_there),
	};
	return cmocka_run_group_tests(tests, register_vfs, NULL);
}
