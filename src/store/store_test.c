#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "store/store_testing.h"

static void keeps_blobs_and_rows(void **state)
{
	struct store *s = testing_open(*state);
	int64_t a, b;
	assert_int_equal(testing_put(s, 1, SLICE("first"), &a), 0);
	assert_int_equal(testing_put(s, 2, SLICE_EMPTY, &b), 0);
	assert_true(b > a);
	assert_true(testing_blob_is(s, a, SLICE("first")));
	assert_true(testing_blob_is(s, b, SLICE_EMPTY));
	store_close(s);
	s = testing_open(*state);
	assert_true(testing_blob_is(s, a, SLICE("first")));
	int64_t c;
	assert_int_equal(testing_put(s, 3, SLICE("third"), &c), 0);
	assert_true(c > b);
	assert_true(testing_blob_is(s, c, SLICE("third")));
	struct blob_view view;
	assert_int_equal(blob_open(s, 999, &view), -ENOENT);
	store_close(s);
}

static int writes_and_fails(struct db *db, void *arg)
{
	int rc = db_run(db, "INSERT INTO meta (key, value) VALUES ('failed', 'x')", "");
	return rc == 0 ? *(int *)arg : rc;
}

static void a_failed_closure_leaves_nothing(void **state)
{
	struct store *s = testing_open(*state);
	int error = -EDOM;
	assert_int_equal(store_commit(s, NULL, 0, writes_and_fails, &error), -EDOM);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM meta WHERE key = 'failed'"), 0);
	error = 0;
	assert_int_equal(store_commit(s, NULL, 0, writes_and_fails, &error), 0);
	assert_int_equal(store_commit(s, NULL, 0, writes_and_fails, &error), -EEXIST);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM meta WHERE key = 'failed'"), 1);
	store_close(s);
}

static void segments_follow_each_other(void **state)
{
	struct store *s = testing_open(*state);
	char *bytes = mem_alloc(300000);
	int64_t ids[60];
	for (size_t i = 0; i < 60; i++) {
		memset(bytes, (int)i, 300000);
		/* Some are larger than a whole segment. */
		size_t len = i % 20 == 19 ? 300000 : 5000 + i;
		assert_int_equal(testing_put(s, (int64_t)i, slice_of(bytes, len), &ids[i]), 0);
	}
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < 60; i++) {
			memset(bytes, (int)i, 300000);
			size_t len = i % 20 == 19 ? 300000 : 5000 + i;
			assert_true(testing_blob_is(s, ids[i], slice_of(bytes, len)));
		}
		store_close(s);
		s = testing_open(*state);
	}
	assert_true(testing_count(s, "SELECT count(DISTINCT segment) FROM blob") > 4);
	store_close(s);
	free(bytes);
}

static void one_process_at_a_time(void **state)
{
	struct store *s = testing_open(*state);
	struct store *other;
	struct store_config config = { .dir = *state };
	assert_int_equal(store_open(&config, &other), -EWOULDBLOCK);
	store_close(s);
	assert_int_equal(store_open(&config, &other), 0);
	store_close(other);
}

static void must_be_there(void **state)
{
	struct store *s;
	struct store_config config = { .dir = *state };
	assert_int_equal(store_open(&config, &s), -ENOENT);
}

static int newer(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db, "UPDATE meta SET value = 1000 WHERE key = 'schema_version'", "");
}

static void refuses_a_newer_schema(void **state)
{
	struct store *s = testing_open(*state);
	assert_int_equal(store_commit(s, NULL, 0, newer, NULL), 0);
	store_close(s);
	struct store_config config = { .dir = *state };
	assert_int_equal(store_open(&config, &s), -EPROTO);
}

/* --- many at once -------------------------------------------------------------------- */

enum { THREADS = 8, EACH = 60 };

struct worker {
	pthread_t thread;
	struct store *store;
	int64_t number;
	int64_t ids[EACH];
};

static struct slice text_of(char *out, size_t size, int64_t number, int64_t i)
{
	return slice_of(out, (size_t)snprintf(out, size, "message %lld of %lld", (long long)i,
	                                      (long long)number));
}

static void *work(void *arg)
{
	struct worker *w = arg;
	char text[100];
	for (int64_t i = 0; i < EACH; i++) {
		struct slice bytes = text_of(text, sizeof(text), w->number, i);
		int error = -EDOM;
		assert_int_equal(testing_put(w->store, w->number * 1000 + i, bytes, &w->ids[i]), 0);
		assert_true(testing_blob_is(w->store, w->ids[i], bytes));
		if (i % 5 == 0)
			assert_int_equal(store_commit(w->store, NULL, 0, writes_and_fails, &error),
			                 -EDOM);
	}
	return NULL;
}

static void threads_commit_and_read(void **state)
{
	struct store *s = testing_open(*state);
	struct worker workers[THREADS];
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .store = s, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM message"), THREADS * EACH);
	assert_int_equal(testing_count(s, "SELECT count(*) FROM meta WHERE key = 'failed'"), 0);
	struct store_counts counts = store_counts(s);
	assert_int_equal(counts.commits, THREADS * (EACH + EACH / 5));
	assert_int_equal(counts.failed, THREADS * (EACH / 5));
	store_close(s);
	s = testing_open(*state);
	char text[100];
	for (int i = 0; i < THREADS; i++) {
		for (int64_t k = 0; k < EACH; k++)
			assert_true(testing_blob_is(s, workers[i].ids[k],
			                            text_of(text, sizeof(text), i, k)));
	}
	store_close(s);
}

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(keeps_blobs_and_rows),
		UNIT(a_failed_closure_leaves_nothing),
		UNIT(segments_follow_each_other),
		UNIT(one_process_at_a_time),
		UNIT(must_be_there),
		UNIT(refuses_a_newer_schema),
		UNIT(threads_commit_and_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
