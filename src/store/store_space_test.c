#include <errno.h>
#include <unistd.h>

#include "store/segment.h"
#include "store/squeeze.h"
#include "store/store_testing.h"

enum { COUNT = 80, LEN = 2500 };

/* The odd ones are noise. */
static struct slice fill(char *bytes, int64_t i)
{
	uint64_t seed = (uint64_t)i;
	for (size_t at = 0; at < LEN; at++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bytes[at] = (char)(i % 2 ? seed >> 56 : 'a' + (at + (uint64_t)i) % 16);
	}
	return slice_of(bytes, LEN);
}

static struct store *open_with(const char *dir, bool compress, int64_t after_ms)
{
	struct store *s = NULL;
	const struct store_config config = { .dir = dir,
		                             .create = true,
		                             .segment_bytes = 64 << 10,
		                             .fresh_bytes = 1,
		                             .compress = compress,
		                             .compress_after_ms = after_ms };
	assert_int_equal(store_open(&config, &s), 0);
	return s;
}

static void put_many(struct store *s, int64_t *ids)
{
	char bytes[LEN];
	for (int64_t i = 0; i < COUNT; i++)
		assert_int_equal(testing_put(s, i, fill(bytes, i), &ids[i]), 0);
}

static void assert_all_there(struct store *s, const int64_t *ids)
{
	struct store_check check = { 0 };
	char bytes[LEN];
	for (int64_t i = 0; i < COUNT; i++)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	assert_int_equal(store_check(s, &check), 0);
	assert_int_equal(check.blobs, COUNT);
	assert_int_equal(check.damaged + check.missing + check.wrong_count, 0);
}

static struct store_space space_of(struct store *s)
{
	struct store_space space;
	assert_int_equal(store_space(s, &space), 0);
	assert_int_equal(space.blobs, COUNT);
	assert_int_equal(space.plain_bytes, COUNT * LEN);
	return space;
}

static int count_good(const struct segment_record *r, void *arg)
{
	char bytes[LEN];
	int *good = arg;
	if (!r->bad && slice_equal(r->bytes, fill(bytes, r->blob_id - 1)))
		++*good;
	return 0;
}

static void full_segments_are_compressed(void **state)
{
	struct store *s = open_with(*state, true, 0);
	int64_t ids[COUNT];
	uint64_t freed;
	struct blob_view view;
	char bytes[LEN];
	int good = 0;
	put_many(s, ids);
	assert_int_equal(space_of(s).waiting_blobs, COUNT);
	assert_int_equal(blob_open(s, ids[0], &view), 0);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_true(freed > 20000);
	struct store_space space = space_of(s);
	assert_true(space.waiting_blobs < COUNT / 2);
	assert_true(space.stored_bytes < COUNT * LEN * 3 / 4);
	assert_true(slice_equal(view.bytes, fill(bytes, 0)));
	blob_close(&view);
	assert_all_there(s, ids);
	/* What does not shrink is not tried again. */
	assert_int_equal(store_collect(s, &freed), 0);
	assert_int_equal(freed, 0);
	store_close(s);
	s = open_with(*state, false, 0);
	assert_all_there(s, ids);
	store_close(s);
	assert_int_equal(store_walk_segments(*state, count_good, &good), 0);
	assert_int_equal(good, COUNT);
}

static void not_before_they_are_old(void **state)
{
	struct store *s = open_with(*state, true, 60000);
	int64_t ids[COUNT];
	uint64_t freed;
	put_many(s, ids);
	assert_int_equal(store_collect(s, &freed), 0);
	assert_int_equal(freed, 0);
	assert_int_equal(space_of(s).waiting_blobs, COUNT);
	assert_int_equal(store_compress(s, &freed), 0);
	assert_true(freed > 0);
	assert_all_there(s, ids);
	store_close(s);
}

static void compressed_segments_are_collected(void **state)
{
	struct store *s = open_with(*state, true, 0);
	int64_t ids[COUNT];
	int64_t id;
	uint64_t freed;
	char bytes[LEN];
	put_many(s, ids);
	assert_int_equal(store_collect(s, &freed), 0);
	for (int64_t i = 0; i < COUNT; i++) {
		if (i % 10 != 0)
			assert_int_equal(testing_remove(s, i, ids[i]), 0);
	}
	for (int64_t i = 1; i < COUNT; i += 2)
		assert_int_equal(testing_put(s, COUNT + i, fill(bytes, i), &id), 0);
	assert_int_equal(store_collect(s, &freed), 0);
	for (int64_t i = 0; i < COUNT; i += 10)
		assert_true(testing_blob_is(s, ids[i], fill(bytes, i)));
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_segments_are_compressed, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(not_before_they_are_old, testing_make_dir,
		                                testing_remove_dir),
		cmocka_unit_test_setup_teardown(compressed_segments_are_collected, testing_make_dir,
		                                testing_remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
