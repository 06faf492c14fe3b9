/* Small blobs lie beside their rows first, and in segments soon. */
#include <errno.h>

#include "store/store_internal.h"
#include "store/store_testing.h"

enum { COUNT = 300, LEN = 5000 };

static struct slice fill(char *bytes, int64_t i)
{
	memset(bytes, (int)('0' + i % 64), LEN);
	return slice_of(bytes, LEN);
}

/* settling: false: nothing becomes settled by itself. */
static struct store *open_fresh(const char *dir, bool settling)
{
	struct store *s = NULL;
	struct store_config config = { .dir = dir, .create = true, .segment_bytes = 64 << 10 };
	assert_int_equal(store_open(&config, &s), 0);
	if (!settling)
		store_stop_settler(s);
	return s;
}

static void put_many(struct store *s, int64_t *ids, int count)
{
	char bytes[LEN];
	for (int i = 0; i < count; i++)
		assert_int_equal(testing_put(s, i, fill(bytes, i), &ids[i]), 0);
}

static void expect_many(struct store *s, const int64_t *ids, int count)
{
	struct store_check check = { 0 };
	char bytes[LEN];
	for (int i = 0; i < count; i++)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.blobs, count);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
}

static int64_t count_fresh(struct store *s)
{
	return testing_count(s, "SELECT count(*) FROM blob JOIN fresh_blob ON blob_id = id"
	                        " WHERE segment = 0");
}

static void is_read_before_and_after(void **state)
{
	struct store *s = open_fresh(*state, false);
	int64_t ids[COUNT];
	uint64_t settled, syncs = store_counts(s).syncs;
	put_many(s, ids, COUNT);
	assert_int_equal(store_counts(s).syncs, syncs); /* of segments */
	assert_int_equal(count_fresh(s), COUNT);
	expect_many(s, ids, COUNT);
	assert_int_equal(store_settle(s, &settled), 0);
	assert_int_equal(settled, COUNT);
	assert_int_equal(count_fresh(s), 0);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM fresh_blob"), 0);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM blob WHERE segment > 0"), COUNT);
	expect_many(s, ids, COUNT);
	store_close(s);
}

static int count_record(const struct segment_record *r, void *arg)
{
	assert_false(r->bad || r->disowned);
	assert_true(slice_equal(r->note, SLICE("a note")));
	(*(int *)arg)++;
	return 0;
}

/* Then the segments alone have all that `veredus recover` needs. */
static void closing_settles(void **state)
{
	struct store *s = open_fresh(*state, true);
	int64_t ids[COUNT];
	int records = 0;
	put_many(s, ids, COUNT);
	store_close(s);
	assert_int_equal(store_walk_segments(*state, count_record, &records), 0);
	assert_int_equal(records, COUNT);
	s = open_fresh(*state, false);
	assert_int_equal(count_fresh(s), 0);
	expect_many(s, ids, COUNT);
	store_close(s);
}

static void what_is_large_is_settled_at_once(void **state)
{
	struct store *s = open_fresh(*state, false);
	static char bytes[STORE_FRESH_BYTES + 1];
	int64_t id;
	assert_int_equal(testing_put(s, 1, slice_of(bytes, sizeof(bytes)), &id), 0);
	assert_int_equal(count_fresh(s), 0);
	assert_int_equal(testing_put(s, 2, slice_of(bytes, sizeof(bytes) - 1), &id), 0);
	assert_int_equal(count_fresh(s), 1);
	store_close(s);
}

/* Its number is not given out again, as others may have noted it. */
static void garbage_is_settled_too(void **state)
{
	struct store *s = open_fresh(*state, false);
	char bytes[LEN];
	int64_t id, next;
	uint64_t freed;
	assert_int_equal(testing_put(s, 1, fill(bytes, 1), &id), 0);
	assert_int_equal(testing_remove(s, 1, id), 0);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_int_equal(count_fresh(s), 1);
	store_close(s);
	s = open_fresh(*state, false);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM blob"), 0);
	store_close(s);
	s = open_fresh(*state, false);
	assert_int_equal(testing_put(s, 1, fill(bytes, 1), &next), 0);
	assert_true(next > id);
	store_close(s);
}

static int refuse(struct db *db, void *arg)
{
	(void)db;
	(void)arg;
	return -EDQUOT;
}

static void what_is_refused_leaves_nothing(void **state)
{
	struct store *s = open_fresh(*state, false);
	char bytes[LEN];
	struct slice part = fill(bytes, 1);
	struct store_blob blob = { .parts = &part, .part_count = 1 };
	assert_int_equal(store_commit(s, &blob, 1, refuse, NULL), -EDQUOT);
	assert_int_equal(store_commit(s, &blob, 1, NULL, NULL), 0); /* named nowhere */
	assert_int_equal(testing_count(s, "SELECT count(*) FROM fresh_blob"), 0);
	store_close(s);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(is_read_before_and_after),         UNIT(closing_settles),
		UNIT(what_is_large_is_settled_at_once), UNIT(garbage_is_settled_too),
		UNIT(what_is_refused_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
