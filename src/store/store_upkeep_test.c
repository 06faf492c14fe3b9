#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/segment.h"
#include "store/store_internal.h"
#include "store/store_testing.h"

enum { COUNT = 60, LEN = 2500 };

static struct slice fill(char *bytes, int64_t i)
{
	memset(bytes, (int)(i + 1), LEN);
	return slice_of(bytes, LEN);
}

static void put_many(struct store *s, int64_t *ids)
{
	char bytes[LEN];
	for (int64_t i = 0; i < COUNT; i++)
		assert_int_equal(testing_put(s, i, fill(bytes, i), &ids[i]), 0);
}

/* --- walking ------------------------------------------------------------------------- */

struct walked {
	int64_t ids[COUNT * 2];
	size_t count, bad, disowned;
	int64_t offset_of[COUNT + 1];
	uint32_t segment_of[COUNT + 1];
};

static int note_record(const struct segment_record *r, void *arg)
{
	struct walked *w = arg;
	assert_true(w->count < COUNT * 2);
	w->ids[w->count++] = r->blob_id;
	w->offset_of[r->blob_id] = (int64_t)r->offset;
	w->segment_of[r->blob_id] = r->segment;
	w->bad += r->bad;
	w->disowned += r->disowned;
	if (!r->bad) {
		assert_true(slice_equal(r->note, SLICE("a note")));
		assert_int_equal(r->bytes.len, LEN);
		assert_int_equal((unsigned char)r->bytes.data[LEN - 1], r->blob_id);
	}
	return 0;
}

static void walks_in_order(void **state)
{
	struct store *s = testing_open(*state);
	struct walked w = { .count = 0 };
	int64_t ids[COUNT];
	put_many(s, ids);
	assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
	store_close(s);
	assert_int_equal(w.count, COUNT);
	assert_int_equal(w.bad, 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(w.ids[i], ids[i]);
}

static int refuse(struct db *db, void *arg)
{
	(void)db;
	(void)arg;
	return -EDQUOT;
}

/* Whoever was refused brings it again, and then it must not be recovered twice. */
static void tells_what_was_refused(void **state)
{
	struct store *s = testing_open(*state);
	char bytes[LEN];
	int64_t id;
	for (int i = 0; i < 3; i++) {
		struct slice part = fill(bytes, i * 2);
		struct store_blob blob = { .parts = &part,
			                   .part_count = 1,
			                   .note = SLICE("a note") };
		/* The last one's closure is content, and names it nowhere. */
		assert_int_equal(store_commit(s, &blob, 1, i < 2 ? refuse : NULL, NULL),
		                 i < 2 ? -EDQUOT : 0);
		assert_int_equal(blob.id, i * 2 + 1);
		assert_int_equal(testing_put(s, i, fill(bytes, i * 2 + 1), &id), 0);
	}
	for (int again = 0; again < 2; again++) {
		struct walked w = { .count = 0 };
		assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
		assert_int_equal(w.count, 6);
		assert_int_equal(w.disowned, 3);
		assert_int_equal(w.bad, 0);
		store_close(s);
		s = testing_open(*state);
	}
	assert_true(testing_blob_is(s, id, fill(bytes, 5)));
	store_close(s);
}

static void overwrite(const char *dir, uint32_t segment, int64_t offset, struct slice bytes)
{
	char path[200], name[SEGMENT_NAME_LEN];
	segment_name(segment, name);
	snprintf(path, sizeof(path), "%s/segments/%s", dir, name);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes.data, bytes.len, offset), bytes.len);
	close(fd);
}

static void count_report(const char *what, void *arg)
{
	(void)what;
	(*(int *)arg)++;
}

static void finds_damage(void **state)
{
	struct store *s = testing_open(*state);
	struct walked w = { .count = 0 };
	int64_t ids[COUNT];
	int reports = 0;
	put_many(s, ids);
	struct store_check check = { .report = count_report, .arg = &reports };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(reports, 0);
	assert_int_equal(check.blobs, COUNT);
	assert_int_equal(check.rows, COUNT);
	assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
	/* In one the bytes, in another the header. */
	overwrite(*state, w.segment_of[ids[3]], w.offset_of[ids[3]] + 100, SLICE("damage"));
	overwrite(*state, w.segment_of[ids[7]], w.offset_of[ids[7]] + 16, SLICE("damage"));
	struct blob_view view;
	assert_int_equal(blob_open(s, ids[3], &view), -EBADMSG);
	assert_int_equal(blob_open(s, ids[7], &view), -EBADMSG);
	char bytes[LEN];
	assert_true(testing_blob_is(s, ids[4], fill(bytes, 4)));
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.damaged, 2);
	assert_int_equal(check.missing, 0);
	assert_int_equal(check.wrong_count, 0);
	assert_int_equal(reports, 2);
	struct walked again = { .count = 0 };
	assert_int_equal(store_walk_segments(*state, note_record, &again), 0);
	assert_int_equal(again.count, COUNT - 1);
	assert_int_equal(again.bad, 1);
	store_close(s);
}

static int spoil(struct db *db, void *arg)
{
	(void)arg;
	int rc = db_run(db, "UPDATE blob SET refs = 5 WHERE id = 2", "");
	return rc == 0 ? db_run(db, "DELETE FROM blob WHERE id = 3", "") : rc;
}

static void finds_wrong_counts(void **state)
{
	struct store *s = testing_open(*state);
	int64_t ids[COUNT];
	int reports = 0;
	put_many(s, ids);
	assert_int_equal(store_commit(s, NULL, 0, spoil, NULL), 0);
	struct store_check check = { .report = count_report, .arg = &reports };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.wrong_count, 1);
	assert_int_equal(check.missing, 1);
	assert_int_equal(reports, 2);
	store_close(s);
}

/* --- what a crash leaves --------------------------------------------------------------- */

/* A record that looks right but was written under another segment's salt: bytes that somebody
 * sent, or what was in the file before. */
static void forged_records_are_not_found(void **state)
{
	struct store *s = testing_open(*state);
	char bytes[400];
	int64_t id;
	memset(bytes, 0, sizeof(bytes));
	record_header_encode(&(struct record_header){ .salt = 42, .blob_id = 77, .length = 8 },
	                     bytes + 64);
	assert_int_equal(testing_put(s, 1, slice_of(bytes, sizeof(bytes)), &id), 0);
	store_close(s);
	/* The true header is lost, so the walk looks inside. */
	overwrite(*state, 1, SEGMENT_HEADER_LEN, SLICE("damage"));
	struct walked w = { .count = 0 };
	assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
	assert_int_equal(w.count, 0);
}

static void goes_on_behind_what_a_crash_left(void **state)
{
	struct store *s = testing_open(*state);
	struct walked w = { .count = 0 };
	int64_t ids[5], next;
	char bytes[LEN];
	for (int64_t i = 0; i < 5; i++)
		assert_int_equal(testing_put(s, i, fill(bytes, i), &ids[i]), 0);
	assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
	store_close(s);
	/* The record before the last is torn: the end is still behind the last. */
	static const char zeros[LEN];
	overwrite(*state, 1, w.offset_of[ids[3]], slice_of(zeros, LEN));
	s = testing_open(*state);
	assert_int_equal(testing_put(s, 9, SLICE("new"), &next), 0);
	assert_true(next > ids[4]);
	assert_true(testing_blob_is(s, next, SLICE("new")));
	assert_true(testing_blob_is(s, ids[4], fill(bytes, 4)));
	store_close(s);
}

static void begins_another_segment_if_the_header_is_gone(void **state)
{
	struct store *s = testing_open(*state);
	int64_t a, b;
	assert_int_equal(testing_put(s, 1, SLICE("one"), &a), 0);
	store_close(s);
	overwrite(*state, 1, 0, SLICE("damage"));
	s = testing_open(*state);
	assert_int_equal(testing_put(s, 2, SLICE("two"), &b), 0);
	assert_true(b > a);
	assert_true(testing_blob_is(s, a, SLICE("one")));
	assert_true(testing_blob_is(s, b, SLICE("two")));
	assert_int_equal(testing_count(s, "SELECT max(segment) FROM blob"), 2);
	store_close(s);
}

/* --- what a bad sector leaves ---------------------------------------------------------- */

enum { BAD_FROM = 16384, BAD_END = BAD_FROM + SEGMENT_PAGE };

static ssize_t pread_around(int fd, void *into, size_t len, off_t offset)
{
	if (offset >= BAD_FROM && offset < BAD_END) {
		errno = EIO;
		return -1;
	}
	if (offset < BAD_FROM && offset + (off_t)len > BAD_FROM)
		len = (size_t)(BAD_FROM - offset);
	return pread(fd, into, len, offset);
}

static struct store *open_on_bad_disk(const char *dir, struct store_io *io)
{
	struct store *s;
	struct store_config config = {
		.dir = dir, .segment_bytes = 64 << 10, .fresh_bytes = 1, .io = io
	};
	*io = store_io_system;
	io->pread = pread_around;
	assert_int_equal(store_open(&config, &s), 0);
	return s;
}

static void a_bad_sector_ends_nothing(void **state)
{
	struct store *s = testing_open(*state);
	struct store_io io;
	int64_t ids[COUNT], next;
	char bytes[LEN];
	uint64_t freed;
	put_many(s, ids);
	store_close(s);
	s = open_on_bad_disk(*state, &io);
	int64_t newest = testing_count(s, "SELECT max(segment) FROM blob");
	/* Nobody knows what is where nothing can be read: no id and no place is used again. */
	assert_int_equal(testing_put(s, COUNT, SLICE("new"), &next), 0);
	assert_true(next > ids[COUNT - 1] + 1);
	assert_int_equal(testing_count(s, "SELECT max(segment) FROM blob"), newest + 1);
	for (int64_t i = 0; i < COUNT; i++) {
		if (i % 10 != 6)
			assert_int_equal(testing_remove(s, i, ids[i]), 0);
	}
	assert_int_equal(store_collect(s, &freed), 0);
	for (int64_t i = 6; i < COUNT; i += 10)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	assert_true(testing_blob_is(s, next, SLICE("new")));
	store_close(s);
}

/* --- giving space back ----------------------------------------------------------------- */

static void collects_what_is_mostly_garbage(void **state)
{
	struct store *s = testing_open(*state);
	int64_t ids[COUNT];
	char bytes[LEN];
	uint64_t freed;
	put_many(s, ids);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_int_equal(freed, 0);
	struct blob_view view;
	assert_int_equal(blob_open(s, ids[1], &view), 0);
	for (int64_t i = 0; i < COUNT; i++) {
		if (i % 10 != 0)
			assert_int_equal(testing_remove(s, i, ids[i]), 0);
	}
	assert_int_equal(store_collect(s, &freed), 0);
	assert_true(freed > 50000);
	assert_true(slice_equal(view.bytes, fill(bytes, 1)));
	blob_close(&view);
	for (int64_t i = 0; i < COUNT; i += 10)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	assert_int_equal(blob_open(s, ids[1], &view), -ENOENT);
	struct store_check check = { 0 };
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.blobs, COUNT / 10);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
	store_close(s);
	s = testing_open(*state);
	int64_t next;
	assert_int_equal(testing_put(s, 1000, SLICE("x"), &next), 0);
	assert_true(next > ids[COUNT - 1]);
	for (int64_t i = 0; i < COUNT; i += 10)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	store_close(s);
}

static void damaged_blobs_keep_their_segment(void **state)
{
	struct store *s = testing_open(*state);
	struct walked w = { .count = 0 };
	int64_t ids[COUNT];
	uint64_t freed;
	put_many(s, ids);
	assert_int_equal(store_walk_segments(*state, note_record, &w), 0);
	for (int64_t i = 1; i < COUNT; i++)
		assert_int_equal(testing_remove(s, i, ids[i]), 0);
	overwrite(*state, w.segment_of[ids[0]], w.offset_of[ids[0]] + 16, SLICE("damage"));
	assert_int_equal(store_collect(s, &freed), 0);
	assert_true(freed > 0);
	char path[200];
	snprintf(path, sizeof(path), "%s/segments/00000001.seg", (char *)*state);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/segments/00000002.seg", (char *)*state);
	assert_int_equal(access(path, F_OK), -1);
	store_close(s);
}

/* --- the write-ahead log --------------------------------------------------------------- */

enum { LOADERS = 3, CALL_AT_PAGES = 2000, ROW_BYTES = 100000, LOG_BYTES_MAX = 128 << 20 };

struct load {
	struct store *store;
	_Atomic int64_t next;
	atomic_bool enough;
};

static int add_row(struct db *db, void *arg)
{
	static const char bytes[ROW_BYTES];
	struct load *load = arg;
	return db_run(db,
	              "INSERT INTO message (id, blob_id, size_bytes, internal_ms, envelope,"
	              " body_structure) VALUES ($1, 0, 0, 0, $2, '')",
	              "ib", atomic_fetch_add(&load->next, 1), slice_of(bytes, ROW_BYTES));
}

static void *load_log(void *arg)
{
	struct load *load = arg;
	while (!atomic_load(&load->enough) &&
	       store_commit(load->store, NULL, 0, add_row, load) == 0)
		;
	return NULL;
}

/* How often it has; the number stands at byte 12 of the log, its last byte at 15. */
static int started_over(int fd)
{
	unsigned char number = 0;
	return pread(fd, &number, 1, 15) == 1 ? number : 0;
}

static void the_log_starts_over_while_commits_go_on(void **state)
{
	struct load load = { .store = testing_open(*state) };
	pthread_t threads[LOADERS];
	char path[200];
	struct stat st = { 0 };
	snprintf(path, sizeof(path), "%s/" STORE_DATABASE "-wal", (char *)*state);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	atomic_store(&load.store->checkpoint_due, CALL_AT_PAGES);
	for (int i = 0; i < LOADERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_log, &load), 0);
	while (started_over(fd) == 0 && st.st_size < LOG_BYTES_MAX) {
		assert_int_equal(fstat(fd, &st), 0);
		usleep(1000);
	}
	bool over = started_over(fd) > 0;
	atomic_store(&load.enough, true);
	for (int i = 0; i < LOADERS; i++)
		pthread_join(threads[i], NULL);
	assert_true(over);
	close(fd);
	store_close(load.store);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(walks_in_order),
		UNIT(tells_what_was_refused),
		UNIT(finds_damage),
		UNIT(finds_wrong_counts),
		UNIT(forged_records_are_not_found),
		UNIT(goes_on_behind_what_a_crash_left),
		UNIT(begins_another_segment_if_the_header_is_gone),
		UNIT(a_bad_sector_ends_nothing),
		UNIT(collects_what_is_mostly_garbage),
		UNIT(damaged_blobs_keep_their_segment),
		UNIT(the_log_starts_over_while_commits_go_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
