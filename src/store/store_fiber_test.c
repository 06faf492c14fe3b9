#include <errno.h>
#include <stdatomic.h>

#include "fiber/fiber.h"
#include "store/store_testing.h"

enum { FIBERS = 40, EACH = 25, LARGE = 600000 };

struct run {
	struct store *store;
	atomic_int wrong, done;
	atomic_llong next;
	bool stop; /* in the middle, where each fiber then ends */
	int64_t large_id;
	char *large;
};

static void commit_some(void *arg)
{
	struct run *r = arg;
	char text[32];
	for (int i = 0; i < EACH; i++) {
		int64_t number = atomic_fetch_add(&r->next, 1);
		struct slice bytes = slice_of(
			text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)number));
		int64_t id;
		if (testing_put(r->store, number, bytes, &id) != 0 ||
		    !testing_blob_is(r->store, id, bytes))
			atomic_fetch_add(&r->wrong, 1);
		if (i == EACH / 2 && r->stop) {
			runtime_stop(0);
			break;
		}
		if (!testing_blob_is(r->store, r->large_id, slice_of(r->large, LARGE)))
			atomic_fetch_add(&r->wrong, 1);
	}
	atomic_fetch_add(&r->done, 1);
}

static void start_all(void *arg)
{
	struct run *r = arg;
	fiber_id ids[FIBERS];
	for (int i = 0; i < FIBERS; i++)
		ids[i] = fiber_start(i % runtime_workers(), "commit", commit_some, r);
	for (int i = 0; i < FIBERS && !r->stop; i++)
		fiber_join(ids[i], DEADLINE_NEVER);
	if (!r->stop)
		runtime_stop(0);
}

static void run_fibers(void **state, bool stop)
{
	struct run r = { .store = testing_open(*state), .stop = stop, .large = mem_alloc(LARGE) };
	struct runtime_config config = { .workers = 2 };
	memset(r.large, 'l', LARGE);
	assert_int_equal(testing_put(r.store, -1, slice_of(r.large, LARGE), &r.large_id), 0);
	assert_int_equal(runtime_run(&config, start_all, &r), 0);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(r.done, FIBERS);
	assert_int_equal(testing_count(r.store, "SELECT count(*) FROM message"), r.next + 1);
	store_close(r.store);
	free(r.large);
}

static void fibers_commit_and_read(void **state) { run_fibers(state, false); }

/* Whatever was begun is waited for, even by fibers that can't park any more. */
static void cancelled_fibers_hear_the_truth(void **state) { run_fibers(state, true); }

#define UNIT(fn) cmocka_unit_test_setup_teardown(fn, testing_make_dir, testing_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(fibers_commit_and_read),
		UNIT(cancelled_fibers_hear_the_truth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
