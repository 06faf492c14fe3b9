/* Every write and every sync of the store fails once: the first, the second, the third ... until
 * a run comes through without meeting the fault. Whatever fails, what was acknowledged is there,
 * what was refused for lack of space is not, and nothing is there by halves. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <unistd.h>

#include "store/store_io.h"
#include "store/store_testing.h"

enum fault_kind { FAULT_WRITE, FAULT_SYNC };

/* SQLite's VFS has no place for an argument, so this is of the file. */
static struct {
	atomic_int countdown; /* 0: off */
	atomic_bool met;
	atomic_bool met_filling; /* by the thread that fills a file ahead: nobody waits for it */
	atomic_int kind, error;
	uint64_t fresh_bytes;
} fault = { .fresh_bytes = 1 };

/* The disk took a part of this thread's write, and has no room for the rest. */
static _Thread_local bool no_room_left;

static bool is_filler(void)
{
	char name[16];
	return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
	       strcmp(name, "store-fill") == 0;
}

static bool fails(enum fault_kind kind)
{
	if (kind != (enum fault_kind)atomic_load(&fault.kind) ||
	    atomic_load(&fault.countdown) == 0 || atomic_fetch_sub(&fault.countdown, 1) != 1)
		return false;
	atomic_store(&fault.met_filling, is_filler());
	atomic_store(&fault.met, true);
	errno = atomic_load(&fault.error);
	return true;
}

static void arm(enum fault_kind kind, int error, int n)
{
	atomic_store(&fault.kind, kind);
	atomic_store(&fault.error, error);
	atomic_store(&fault.met, false);
	atomic_store(&fault.met_filling, false);
	atomic_store(&fault.countdown, n);
}

/* --- the store's own calls -------------------------------------------------------------- */

static ssize_t faulty_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	if (no_room_left) {
		no_room_left = false;
		errno = ENOSPC;
		return -1;
	}
	if (fails(FAULT_WRITE)) {
		if (atomic_load(&fault.error) != ENOSPC || count == 1)
			return -1;
		no_room_left = true;
		return store_io_system.pwritev(fd, iov, 1, offset);
	}
	return store_io_system.pwritev(fd, iov, count, offset);
}

static int faulty_fdatasync(int fd)
{
	return fails(FAULT_SYNC) ? -1 : store_io_system.fdatasync(fd);
}

static int faulty_fsync(int fd) { return fails(FAULT_SYNC) ? -1 : store_io_system.fsync(fd); }

static int faulty_openat(int dir_fd, const char *name, int flags, mode_t mode)
{
	if ((flags & O_CREAT) && fails(FAULT_WRITE))
		return -1;
	return store_io_system.openat(dir_fd, name, flags, mode);
}

static int faulty_renameat(int dir_fd, const char *from, const char *to)
{
	return fails(FAULT_WRITE) ? -1 : store_io_system.renameat(dir_fd, from, to);
}

static int faulty_unlinkat(int dir_fd, const char *name)
{
	return store_io_system.unlinkat(dir_fd, name);
}

static const struct store_io faulty_io = {
	.openat = faulty_openat,
	.pread = pread,
	.pwritev = faulty_pwritev,
	.fdatasync = faulty_fdatasync,
	.fsync = faulty_fsync,
	.renameat = faulty_renameat,
	.unlinkat = faulty_unlinkat,
};

/* --- SQLite's ---------------------------------------------------------------------------- */

static sqlite3_vfs faulty_vfs;
static sqlite3_vfs *system_vfs;
/* One for the files that are locked and one for those that are not. */
static struct {
	const sqlite3_io_methods *system;
	sqlite3_io_methods faulty;
} methods[4];

static const sqlite3_io_methods *system_methods(const sqlite3_file *file)
{
	int i = 0;
	while (file->pMethods != &methods[i].faulty)
		i++;
	return methods[i].system;
}

static int faulty_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	if (fails(FAULT_WRITE))
		return atomic_load(&fault.error) == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return system_methods(file)->xWrite(file, bytes, len, offset);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
	return fails(FAULT_SYNC) ? SQLITE_IOERR_FSYNC : system_methods(file)->xSync(file, flags);
}

/* Written once, as other threads use them already. */
static void fill_methods(int i, const sqlite3_io_methods *system)
{
	methods[i].faulty = *system;
	methods[i].faulty.xWrite = faulty_write;
	methods[i].faulty.xSync = faulty_sync;
	methods[i].system = system;
}

static void make_faulty(sqlite3_file *file)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int i = 0;
	pthread_mutex_lock(&lock);
	while (methods[i].system && methods[i].system != file->pMethods)
		i++;
	assert_true(i < 3);
	if (!methods[i].system)
		fill_methods(i, file->pMethods);
	file->pMethods = &methods[i].faulty;
	pthread_mutex_unlock(&lock);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *flags_out)
{
	(void)vfs;
	int rc = system_vfs->xOpen(system_vfs, name, file, flags, flags_out);
	if (rc == SQLITE_OK && file->pMethods)
		make_faulty(file);
	return rc;
}

static int register_vfs(void **state)
{
	(void)state;
	system_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *system_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.xOpen = faulty_open;
	return sqlite3_vfs_register(&faulty_vfs, 1) == SQLITE_OK ? 0 : -1;
}

/* --- runs -------------------------------------------------------------------------------- */

enum { BEFORE = 3, DURING = 4, AFTER = 2, ALL = BEFORE + DURING + AFTER, LEN = 24000 };

struct run {
	const char *dir;
	char *bytes;
	int rc[ALL];
	int64_t ids[ALL];
	bool failed;
};

static struct slice bytes_of(struct run *r, int i)
{
	memset(r->bytes, 'a' + i, LEN);
	return slice_of(r->bytes, LEN);
}

static struct store *open_faulty(const char *dir)
{
	struct store *s;
	struct store_config config = { .dir = dir,
		                       .create = true,
		                       .segment_bytes = 64 << 10,
		                       .fresh_bytes = fault.fresh_bytes,
		                       .io = &faulty_io };
	assert_int_equal(store_open(&config, &s), 0);
	return s;
}

static void put_some(struct run *r, struct store *s, int from, int count)
{
	for (int i = from; i < from + count; i++)
		r->rc[i] = testing_put(s, i, bytes_of(r, i), &r->ids[i]);
}

struct looking {
	int64_t id, found;
};

static int look(struct db *db, void *arg)
{
	struct looking *l = arg;
	return db_get_int(db, &l->found, "SELECT count(*) FROM message WHERE id = $1", "i", l->id);
}

static bool has_row(struct store *s, int i)
{
	struct looking l = { .id = i };
	assert_int_equal(store_read(s, look, &l), 0);
	return l.found == 1;
}

/* may_be_there: a failed sync leaves open whether the change reached the disk; it must then be
 * there as a whole. */
static void expect_whole(struct store *s, struct run *r, bool may_be_there)
{
	for (int i = 0; i < ALL; i++) {
		if (r->rc[i] == 0) {
			assert_true(has_row(s, i));
			assert_true(testing_blob_is(s, r->ids[i], bytes_of(r, i)));
		} else if (!may_be_there || r->rc[i] == -ENOSPC) {
			assert_false(has_row(s, i));
		}
	}
	struct store_check check = { 0 };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
}

/* As if the process were killed here. The file that is filled ahead may vanish under cp; rows are
 * copied first, as the settler may be at work. */
static void expect_whole_after_crash(struct run *r)
{
	char copy[100], command[600];
	snprintf(copy, sizeof(copy), "%s-crashed", r->dir);
	snprintf(command, sizeof(command),
	         "mkdir %s && cp %s/veredus.db* %s && cp -rn %s/. %s 2>/dev/null", copy, r->dir,
	         copy, r->dir, copy);
	assert_true(system(command) >= 0);
	struct store *s = open_faulty(copy);
	expect_whole(s, r, true);
	store_close(s);
	testing_remove_tree(copy);
}

static int count_refused(const struct run *r)
{
	int refused = 0;
	for (int i = 0; i < ALL; i++)
		refused += r->rc[i] != 0;
	return refused;
}

/* True if the run met the fault. */
static bool run_with_fault(struct run *r, enum fault_kind kind, int error, int n)
{
	struct store *s = open_faulty(r->dir);
	put_some(r, s, 0, BEFORE);
	arm(kind, error, n);
	put_some(r, s, BEFORE, DURING);
	bool met = atomic_load(&fault.met), met_filling = atomic_load(&fault.met_filling);
	arm(kind, error, 0);
	put_some(r, s, BEFORE + DURING, AFTER);
	for (int i = BEFORE + DURING; i < ALL; i++)
		assert_int_equal(r->rc[i], store_failed(s) ? -EIO : 0);
	if (error == ENOSPC)
		assert_false(store_failed(s));
	if (fault.fresh_bytes == 1)
		assert_int_equal(count_refused(r) > 0, met && !met_filling);
	else /* it may have met the settler */
		assert_true(count_refused(r) == 0 || met);
	expect_whole(s, r, false);
	expect_whole_after_crash(r);
	store_close(s);
	s = open_faulty(r->dir);
	assert_false(store_failed(s));
	expect_whole(s, r, true);
	assert_int_equal(testing_put(s, 1000, SLICE("and it goes on"), &r->ids[0]), 0);
	store_close(s);
	return met;
}

static void fail_each(void **state, enum fault_kind kind, int error)
{
	struct run r = { .dir = *state, .bytes = mem_alloc(LEN) };
	int n = 0;
	while (run_with_fault(&r, kind, error, ++n))
		testing_remove_tree(r.dir);
	/* Each message takes a write and a sync of its rows, and of its blob if not fresh. */
	assert_true(n > (fault.fresh_bytes == 1 ? 2 : 1) * DURING);
	free(r.bytes);
}

static void no_space_for_a_write(void **state) { fail_each(state, FAULT_WRITE, ENOSPC); }

static void a_write_fails(void **state) { fail_each(state, FAULT_WRITE, EIO); }

static void a_sync_fails(void **state) { fail_each(state, FAULT_SYNC, EIO); }

static void fresh_blobs_are_as_safe(void **state)
{
	fault.fresh_bytes = 0;
	fail_each(state, FAULT_WRITE, ENOSPC);
	testing_remove_tree(*state);
	fail_each(state, FAULT_SYNC, EIO);
	fault.fresh_bytes = 1;
}

static void a_sync_that_finds_no_space_is_no_success(void **state)
{
	struct run r = { .dir = *state, .bytes = mem_alloc(LEN) };
	struct store *s = open_faulty(r.dir);
	arm(FAULT_SYNC, ENOSPC, 3); /* after those of a new segment */
	put_some(&r, s, 0, BEFORE);
	assert_true(atomic_load(&fault.met));
	arm(FAULT_SYNC, ENOSPC, 0);
	assert_true(store_failed(s));
	put_some(&r, s, BEFORE, 1);
	assert_int_equal(r.rc[BEFORE], -EIO);
	store_close(s);
	free(r.bytes);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(no_space_for_a_write),
		UNIT(a_write_fails),
		UNIT(a_sync_fails),
		UNIT(fresh_blobs_are_as_safe),
		UNIT(a_sync_that_finds_no_space_is_no_success),
	};
	return cmocka_run_group_tests(tests, register_vfs, NULL);
}
