#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "guard/guard_bucket.h"

enum { SECOND = 1000000 };

static void tokens_go_and_come_back(void **state)
{
	struct guard_buckets *b = guard_buckets_new(1000);
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 1000));
	assert_false(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 1000));
	assert_true(guard_buckets_take(b, SLICE("b"), 3, 3, 60 * SECOND, 1000));
	/* One comes back each 20 seconds, and no more than there were. */
	assert_false(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 19 * SECOND));
	assert_true(guard_buckets_would(b, SLICE("a"), 3, 3, 60 * SECOND, 21 * SECOND));
	assert_true(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 21 * SECOND));
	assert_false(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 22 * SECOND));
	for (int i = 0; i < 3; i++)
		assert_true(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 900 * SECOND));
	assert_false(guard_buckets_take(b, SLICE("a"), 3, 3, 60 * SECOND, 900 * SECOND));
	guard_buckets_free(b);
}

static void burst_is_more_than_the_rate(void **state)
{
	struct guard_buckets *b = guard_buckets_new(1000);
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(guard_buckets_take(b, SLICE("a"), 1, 10, SECOND, 0));
	assert_false(guard_buckets_take(b, SLICE("a"), 1, 10, SECOND, 0));
	assert_true(guard_buckets_take(b, SLICE("a"), 1, 10, SECOND, SECOND));
	assert_false(guard_buckets_take(b, SLICE("a"), 1, 10, SECOND, SECOND));
	guard_buckets_free(b);
}

/* However many clients come. */
static void there_is_a_bound(void **state)
{
	struct guard_buckets *b = guard_buckets_new(160);
	char key[32];
	(void)state;
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(key, sizeof(key), "client %d", i);
		assert_true(guard_buckets_take(b, slice_of(key, (size_t)len), 5, 5, SECOND, i));
	}
	assert_in_range(guard_buckets_count(b), 100, 176);
	guard_buckets_free(b);
}

struct saved {
	int count;
	int64_t full_us;
};

static void see(void *arg, struct slice key, int64_t full_us)
{
	struct saved *s = arg;
	assert_true(slice_equal(key, SLICE("a")));
	s->count++;
	s->full_us = full_us;
}

static void what_changed_is_saved_once(void **state)
{
	struct guard_buckets *b = guard_buckets_new(100), *again = guard_buckets_new(100);
	struct saved saved = { 0 };
	(void)state;
	guard_buckets_take(b, SLICE("a"), 2, 2, 10 * SECOND, SECOND);
	guard_buckets_take(b, SLICE("a"), 2, 2, 10 * SECOND, SECOND);
	guard_buckets_changed(b, SECOND, see, &saved);
	guard_buckets_changed(b, SECOND, see, &saved);
	assert_int_equal(saved.count, 1);
	assert_int_equal(saved.full_us, 11 * SECOND);
	guard_buckets_put(again, SLICE("a"), saved.full_us);
	assert_false(guard_buckets_take(again, SLICE("a"), 2, 2, 10 * SECOND, SECOND));
	assert_true(guard_buckets_take(again, SLICE("a"), 2, 2, 10 * SECOND, 6 * SECOND));
	/* What could not be written is written once more. */
	guard_buckets_unsaved(b);
	guard_buckets_changed(b, SECOND, see, &saved);
	assert_int_equal(saved.count, 2);
	/* Full ones are forgotten. */
	guard_buckets_changed(b, 20 * SECOND, see, &saved);
	assert_int_equal(guard_buckets_count(b), 0);
	guard_buckets_free(b);
	guard_buckets_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_go_and_come_back),
		cmocka_unit_test(burst_is_more_than_the_rate),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(what_changed_is_saved_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
