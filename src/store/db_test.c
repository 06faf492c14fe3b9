#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_testing.h"

static int in_commit(void **state, store_fn fn, void *arg)
{
	struct store *s = testing_open(*state);
	int rc = store_commit(s, NULL, 0, fn, arg);
	store_close(s);
	return rc;
}

static int binds_by_name_fn(struct db *db, void *arg)
{
	(void)arg;
	struct db_rows rows;
	assert_int_equal(db_query(db, &rows, "SELECT $3, $1, $2, $1, $4, $5", "itbsn", (int64_t)-7,
	                          SLICE("text"), slice_of("b\0b", 3), (const char *)NULL),
	                 0);
	assert_int_equal(db_next(&rows), 0);
	assert_true(slice_equal(db_bytes(&rows, 0), slice_of("b\0b", 3)));
	assert_int_equal(db_int(&rows, 1), -7);
	assert_true(slice_equal(db_text(&rows, 2), SLICE("text")));
	assert_int_equal(db_int(&rows, 3), -7);
	assert_true(db_is_null(&rows, 4));
	assert_true(db_is_null(&rows, 5));
	assert_int_equal(db_text(&rows, 5).len, 0);
	assert_int_equal(db_next(&rows), -ENODATA);
	db_end(&rows);
	return 0;
}

static void binds_by_name(void **state)
{
	assert_int_equal(in_commit(state, binds_by_name_fn, NULL), 0);
}

static int empty_is_not_null_fn(struct db *db, void *arg)
{
	(void)arg;
	struct slice none = { NULL, 0 };
	struct db_rows rows;
	assert_int_equal(db_query(db, &rows, "SELECT $1, $2, $3", "tbs", none, none, ""), 0);
	assert_int_equal(db_next(&rows), 0);
	for (int i = 0; i < 3; i++)
		assert_false(db_is_null(&rows, i));
	db_end(&rows);
	return 0;
}

static void empty_is_not_null(void **state)
{
	assert_int_equal(in_commit(state, empty_is_not_null_fn, NULL), 0);
}

static int tells_errors_fn(struct db *db, void *arg)
{
	(void)arg;
	int64_t value = 5;
	assert_int_equal(db_run(db, "SELECT nonsense FROM nowhere", ""), -EINVAL);
	assert_int_equal(db_run(db, "SELECT $1", ""), -EINVAL);
	assert_int_equal(db_run(db, "SELECT $2", "ii", (int64_t)1, (int64_t)2), -EINVAL);
	assert_int_equal(db_run(db, "SELECT ?", ""), -EINVAL);
	assert_int_equal(db_get_int(db, &value, "SELECT 1 WHERE 1 = 0", ""), -ENODATA);
	assert_int_equal(value, 5);
	const char *insert = "INSERT INTO meta (key, value) VALUES ($1, 'x')";
	assert_int_equal(db_run(db, insert, "s", "k"), 0);
	assert_int_equal(db_run(db, insert, "s", "k"), -EEXIST);
	assert_int_equal(db_run(db, insert, "n"), -EINVAL);
	struct db_rows rows;
	assert_int_equal(db_query(db, &rows, "SELECT nonsense", ""), -EINVAL);
	db_end(&rows);
	return 0;
}

static void tells_errors(void **state)
{
	assert_int_equal(in_commit(state, tells_errors_fn, NULL), 0);
}

static int refuses_text_that_changed_fn(struct db *db, void *arg)
{
	(void)arg;
	char sql[16];
	snprintf(sql, sizeof(sql), "SELECT 1");
	assert_int_equal(db_run(db, sql, ""), 0);
	snprintf(sql, sizeof(sql), "SELECT 2");
	assert_int_equal(db_run(db, sql, ""), -EINVAL);
	return 0;
}

static void refuses_text_that_changed(void **state)
{
	assert_int_equal(in_commit(state, refuses_text_that_changed_fn, NULL), 0);
}

static int changes_fn(struct db *db, void *arg)
{
	(void)arg;
	int64_t changed;
	assert_int_equal(
		db_run(db, "INSERT INTO meta (key, value) VALUES ('a', '1'), ('b', '2')", ""), 0);
	assert_int_equal(db_change(db, &changed, "UPDATE meta SET value = $1 WHERE key >= $2", "ts",
	                           SLICE("9"), "a"),
	                 0);
	assert_true(changed >= 2);
	int64_t back;
	assert_int_equal(db_get_int(db, &back,
	                            "UPDATE meta SET value = 12 WHERE key = 'b' RETURNING value",
	                            ""),
	                 0);
	assert_int_equal(back, 12);
	return 0;
}

static int inserts_fn(struct db *db, void *arg)
{
	static const char sql[] = "INSERT INTO blob (segment, position, length, refs)"
				  " VALUES ($1, 0, 0, 1)";
	(void)arg;
	int64_t a, b, back;
	assert_int_equal(db_insert(db, &a, sql, "i", (int64_t)7), 0);
	assert_int_equal(db_insert(db, &b, sql, "i", (int64_t)8), 0);
	assert_true(b > a);
	assert_int_equal(db_get_int(db, &back, "SELECT segment FROM blob WHERE id = $1", "i", b),
	                 0);
	assert_int_equal(back, 8);
	return -EDOM; /* such blobs are nowhere */
}

static void an_insert_tells_its_key(void **state)
{
	assert_int_equal(in_commit(state, inserts_fn, NULL), -EDOM);
}

static void changes(void **state) { assert_int_equal(in_commit(state, changes_fn, NULL), 0); }

static int writes_fn(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db, "INSERT INTO meta (key, value) VALUES ('a', '1')", "");
}

static void a_read_can_not_write(void **state)
{
	struct store *s = testing_open(*state);
	assert_int_equal(store_read(s, writes_fn, NULL), -EINVAL);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM meta WHERE key = 'a'"), 0);
	store_close(s);
}

/* --- the write-ahead log ------------------------------------------------------------- */

static off_t log_size(const char *dir)
{
	char path[1024];
	struct stat st;
	snprintf(path, sizeof(path), "%s/veredus.db-wal", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void copy_file(const char *from, const char *to, const char *name)
{
	char path[1024], block[4096];
	size_t len;
	snprintf(path, sizeof(path), "%s/%s", from, name);
	FILE *in = fopen(path, "r");
	snprintf(path, sizeof(path), "%s/%s", to, name);
	FILE *out = fopen(path, "w");
	assert_true(in && out);
	while ((len = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, len, out), len);
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

static void commits_do_not_lengthen_the_log(void **state)
{
	struct store *s = testing_open(*state);
	int64_t id;
	int longer = 0;
	for (int64_t i = 0; i < 100; i++) {
		off_t before = log_size(*state);
		assert_int_equal(testing_put(s, i, SLICE("a message"), &id), 0);
		longer += log_size(*state) > before;
	}
	assert_true(longer > 0 && longer < 20);
	store_close(s);
}

/* What a crash leaves: a log with zeros behind its last commit. */
static void a_log_ends_where_zeros_begin(void **state)
{
	struct store *s = testing_open(*state);
	char copy[1024];
	int64_t id;
	snprintf(copy, sizeof(copy), "%s/copy", (const char *)*state);
	assert_int_equal(mkdir(copy, 0700), 0);
	for (int64_t i = 0; i < 30; i++)
		assert_int_equal(testing_put(s, i, SLICE("a message"), &id), 0);
	copy_file(*state, copy, "veredus.db");
	copy_file(*state, copy, "veredus.db-wal");
	store_close(s);
	s = testing_open(copy);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM message"), 30);
	assert_int_equal(testing_put(s, 30, SLICE("a message"), &id), 0);
	store_close(s);
	s = testing_open(copy);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM message"), 31);
	store_close(s);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(binds_by_name),
		UNIT(empty_is_not_null),
		UNIT(tells_errors),
		UNIT(changes),
		UNIT(refuses_text_that_changed),
		UNIT(a_read_can_not_write),
		UNIT(an_insert_tells_its_key),
		UNIT(commits_do_not_lengthen_the_log),
		UNIT(a_log_ends_where_zeros_begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
