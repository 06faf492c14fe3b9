#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/db_sqlite.h"
#include "store/schema.h"
#include "store/store_testing.h"

static const char *const first[] = {
	"CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
	"CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
	NULL,
};
static const char *const second[] = {
	"ALTER TABLE person ADD COLUMN height INTEGER NOT NULL DEFAULT 170",
	"UPDATE person SET name = upper(name)",
	NULL,
};
static const char *const third[] = {
	"CREATE TABLE house (id INTEGER PRIMARY KEY)",
	"INSERT INTO house SELECT id FROM person",
	NULL,
};
static const char *const broken[] = {
	"CREATE TABLE house (id INTEGER PRIMARY KEY)",
	"INSERT INTO house SELECT id FROM nowhere",
	NULL,
};

static const struct schema_migration good[] = {
	{ .version = 1, .statements = first },
	{ .version = 2, .statements = second },
	{ .version = 4, .statements = third }, /* numbers may be left out */
};
static const struct schema_migration bad[] = {
	{ .version = 1, .statements = first },
	{ .version = 2, .statements = second },
	{ .version = 4, .statements = broken },
};

static struct db *open_database(void **state)
{
	char path[512];
	struct db *db;
	snprintf(path, sizeof(path), "%s/some.db", (const char *)*state);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(db_open(path, DB_WRITE, &db), 0);
	return db;
}

static int64_t number(struct db *db, const char *sql)
{
	int64_t value;
	assert_int_equal(db_get_int(db, &value, sql, ""), 0);
	return value;
}

static int64_t version_of(struct db *db)
{
	return number(db, "SELECT value FROM meta WHERE key = 'schema_version'");
}

static void an_older_one_is_brought_up(void **state)
{
	struct db *db = open_database(state);
	assert_int_equal(schema_migrate(db, good, 1), 0);
	assert_int_equal(version_of(db), 1);
	assert_int_equal(db_run(db, "INSERT INTO person (id, name) VALUES (7, 'ann')", ""), 0);
	db_close(db);

	db = open_database(state);
	assert_int_equal(schema_migrate(db, good, 3), 0);
	assert_int_equal(version_of(db), 4);
	assert_int_equal(number(db, "SELECT height FROM person WHERE name = 'ANN'"), 170);
	assert_int_equal(number(db, "SELECT id FROM house"), 7);
	db_close(db);

	/* Nothing is done twice. */
	db = open_database(state);
	assert_int_equal(db_run(db, "UPDATE person SET name = 'bob'", ""), 0);
	assert_int_equal(schema_migrate(db, good, 3), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM person WHERE name = 'bob'"), 1);
	assert_int_equal(number(db, "SELECT count(*) FROM house"), 1);
	db_close(db);
}

static void one_that_fails_leaves_nothing(void **state)
{
	struct db *db = open_database(state);
	assert_int_equal(schema_migrate(db, bad, 3), -EINVAL);
	assert_int_equal(version_of(db), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'house'"), 0);
	/* The next program has mended it. */
	assert_int_equal(schema_migrate(db, good, 3), 0);
	assert_int_equal(version_of(db), 4);
	db_close(db);
}

static void a_newer_one_is_left_alone(void **state)
{
	struct db *db = open_database(state);
	assert_int_equal(schema_migrate(db, good, 3), 0);
	assert_int_equal(schema_migrate(db, good, 2), -EPROTO);
	assert_int_equal(version_of(db), 4);
	db_close(db);
}

static void versions_ascend(void **state)
{
	(void)state;
	for (size_t i = 1; i < schema_migration_count; i++)
		assert_true(schema_migrations[i].version > schema_migrations[i - 1].version);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(an_older_one_is_brought_up),
		UNIT(one_that_fails_leaves_nothing),
		UNIT(a_newer_one_is_left_alone),
		UNIT(versions_ascend),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
