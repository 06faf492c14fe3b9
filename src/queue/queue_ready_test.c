#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_ready.h"

static const struct queue_schedule schedule = { .first_ms = 10, .max_ms = 100 };

#define FAR_FUTURE_MS (1LL << 50)

struct bench {
	struct queue_ready *ready;
	struct arena *arena;
	int64_t now_ms;
	int64_t due_ms;
	struct queue_trouble why;
};

static int setup(void **state)
{
	const struct queue_limits limits = { .max_connections = 3,
		                             .max_connections_per_destination = 2,
		                             .max_recipients = 8,
		                             .max_fed = 8 };
	struct bench *b = mem_zero(1, sizeof(*b));
	b->ready = queue_ready_new(&limits, &schedule);
	b->arena = arena_new();
	b->now_ms = clock_wall_ms();
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	queue_ready_free(b->ready);
	arena_free(b->arena);
	free(b);
	return 0;
}

static enum queue_admission admit(struct bench *b, struct slice key, bool asked)
{
	return queue_ready_admit(b->ready, b->arena, key, asked, b->now_ms, FAR_FUTURE_MS,
	                         &b->due_ms, &b->why);
}

static void put(struct bench *b, struct slice key, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(admit(b, key, false), QUEUE_ADMIT);
	for (size_t i = 0; i < count; i++) {
		struct queue_job *job = queue_job_new();
		size_t index = queue_job_add(job);
		job->wire[index].path = SLICE("x@y");
		assert_true(queue_ready_put(b->ready, key, job, b->now_ms, &b->due_ms, &b->why));
	}
	queue_ready_end_page(b->ready);
}

static void put_priority(struct bench *b, int priority)
{
	struct queue_job *job = queue_job_new();
	queue_job_add(job);
	job->options.priority = priority;
	assert_int_equal(admit(b, SLICE("one"), false), QUEUE_ADMIT);
	assert_true(queue_ready_put(b->ready, SLICE("one"), job, b->now_ms, &b->due_ms, &b->why));
	queue_ready_end_page(b->ready);
}

static void by_priority(void **state)
{
	struct bench *b = *state;
	static const int came[] = { -1, 0, 2, 9 };
	static const int taken[] = { 9, 2, 0, -1 };
	for (size_t i = 0; i < 4; i++)
		put_priority(b, came[i]);
	struct queue_destination *d = queue_ready_next_connection(b->ready);
	for (size_t i = 0; i < 4; i++) {
		struct queue_job *job = queue_ready_take(b->ready, d);
		assert_int_equal(job->options.priority, taken[i]);
		queue_job_free(job);
	}
	queue_ready_leave(b->ready, d);
}

static void take_one(struct bench *b, struct queue_destination *d)
{
	struct queue_job *job = queue_ready_take(b->ready, d);
	assert_non_null(job);
	queue_job_free(job);
}

static void connections_follow_the_jobs(void **state)
{
	struct bench *b = *state;
	assert_null(queue_ready_next_connection(b->ready));
	put(b, SLICE("one"), 1);
	struct queue_destination *d = queue_ready_next_connection(b->ready);
	assert_non_null(d);
	put(b, SLICE("one"), 3);
	/* Two for one destination, then the other has its turn, then all three are open. */
	assert_ptr_equal(queue_ready_next_connection(b->ready), d);
	assert_null(queue_ready_next_connection(b->ready));
	put(b, SLICE("two"), 2);
	struct queue_destination *other = queue_ready_next_connection(b->ready);
	assert_non_null(other);
	assert_ptr_not_equal(other, d);
	assert_null(queue_ready_next_connection(b->ready));
	for (int i = 0; i < 4; i++)
		take_one(b, d);
	assert_null(queue_ready_take(b->ready, d));
	queue_ready_leave(b->ready, d);
	assert_ptr_equal(queue_ready_next_connection(b->ready), other);
	take_one(b, other);
	take_one(b, other);
	queue_ready_leave(b->ready, d);
	queue_ready_leave(b->ready, other);
	queue_ready_leave(b->ready, other);
	assert_int_equal(queue_ready_counts(b->ready).connections, 0);
	assert_int_equal(queue_ready_counts(b->ready).recipients, 0);
}

static void one_destination_leaves_room_for_others(void **state)
{
	struct bench *b = *state;
	/* Of 8 it gets 4, the next 2 of the 4 that are left, the next 1. */
	put(b, SLICE("one"), 4);
	assert_int_equal(admit(b, SLICE("one"), false), QUEUE_LATER);
	assert_in_range(b->due_ms, b->now_ms + 2000, b->now_ms + 2001);
	assert_int_equal(b->why.text.len, 0);
	put(b, SLICE("two"), 2);
	assert_int_equal(admit(b, SLICE("two"), false), QUEUE_LATER);
	put(b, SLICE("three"), 1);
	assert_int_equal(admit(b, SLICE("three"), false), QUEUE_LATER);
	assert_int_equal(admit(b, SLICE("four"), false), QUEUE_ADMIT);
	queue_ready_end_page(b->ready);
}

static void what_has_no_room_keeps_its_order(void **state)
{
	struct bench *b = *state;
	int64_t last = 0;
	put(b, SLICE("one"), 4);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(admit(b, SLICE("one"), false), QUEUE_LATER);
		assert_true(b->due_ms >= last);
		last = b->due_ms;
	}
	assert_in_range(last, b->now_ms + 2009, b->now_ms + 2011);
}

static size_t pause(struct bench *b, struct queue_destination *d, int64_t *until_ms)
{
	struct list returned;
	size_t count = 0;
	list_init(&returned);
	*until_ms = queue_ready_pause(b->ready, d, &schedule, b->now_ms,
	                              (struct queue_trouble){ { 4, 4, 1 }, SLICE("it is down") },
	                              &returned);
	LIST_EACH (&returned, link, following) {
		queue_job_free(LIST_ENTRY(link, struct queue_job, link));
		count++;
	}
	return count;
}

static void a_pause_hands_all_back(void **state)
{
	struct bench *b = *state;
	int64_t until_ms, again_ms;
	put(b, SLICE("one"), 4);
	struct queue_destination *d = queue_ready_next_connection(b->ready);
	take_one(b, d);
	assert_int_equal(pause(b, d, &until_ms), 3);
	assert_in_range(until_ms, b->now_ms + 9, b->now_ms + 11);
	/* A second connection that fails now is the same failure. */
	assert_int_equal(pause(b, d, &again_ms), 0);
	assert_int_equal(again_ms, until_ms);
	queue_ready_leave(b->ready, d);
	assert_int_equal(admit(b, SLICE("one"), false), QUEUE_LATER);
	assert_int_equal(b->due_ms, until_ms);
	assert_true(slice_equal(b->why.text, SLICE("it is down")));
	assert_int_equal(b->why.status.detail, 1);
	struct queue_job *late = queue_job_new();
	assert_false(queue_ready_put(b->ready, SLICE("one"), late, b->now_ms, &again_ms, &b->why));
	assert_int_equal(again_ms, until_ms);
	queue_job_free(late);
	assert_int_equal(queue_ready_admit(b->ready, b->arena, SLICE("one"), false, b->now_ms,
	                                   b->now_ms - 1, &b->due_ms, &b->why),
	                 QUEUE_REFUSE);
	queue_ready_end_page(b->ready);

	/* Afterwards one connection tries, and the next pause is longer. */
	b->now_ms = until_ms;
	put(b, SLICE("one"), 4);
	assert_ptr_equal(queue_ready_next_connection(b->ready), d);
	assert_null(queue_ready_next_connection(b->ready));
	take_one(b, d);
	assert_int_equal(pause(b, d, &again_ms), 3);
	assert_in_range(again_ms, b->now_ms + 18, b->now_ms + 22);

	/* The operator's wish ends it; so does success, and then there may be two. */
	assert_int_equal(admit(b, SLICE("one"), true), QUEUE_ADMIT);
	put(b, SLICE("one"), 3);
	assert_null(queue_ready_next_connection(b->ready));
	queue_ready_works(b->ready, d);
	assert_ptr_equal(queue_ready_next_connection(b->ready), d);

	/* What fails now begins at the first step. */
	assert_int_equal(pause(b, d, &until_ms), 3);
	assert_in_range(until_ms, b->now_ms + 9, b->now_ms + 11);
	queue_ready_leave(b->ready, d);
	queue_ready_leave(b->ready, d);
}

static void calls(void *arg) { (*(unsigned *)arg)++; }

/* Half of four is room enough to fetch more; and half of all eight. */
static void room_is_told_of(void **state)
{
	struct bench *b = *state;
	unsigned called = 0;
	struct slice key;
	size_t room;
	const struct queue_limits limits = { .max_connections = 3,
		                             .max_connections_per_destination = 2,
		                             .max_recipients = 8,
		                             .max_fed = 4,
		                             .room = calls,
		                             .room_arg = &called };
	queue_ready_free(b->ready);
	b->ready = queue_ready_new(&limits, &schedule);
	assert_int_equal(queue_ready_room(b->ready, SLICE("one"), b->now_ms), 4);
	put(b, SLICE("one"), 4);
	assert_int_equal(queue_ready_room(b->ready, SLICE("one"), b->now_ms), 0);
	queue_ready_watch(b->ready, SLICE("one"));
	assert_false(queue_ready_is_full(b->ready));
	put(b, SLICE("two"), 2);
	assert_true(queue_ready_is_full(b->ready));
	struct queue_destination *d = queue_ready_next_connection(b->ready);
	take_one(b, d);
	assert_int_equal(called, 0);
	assert_false(queue_ready_refill(b->ready, b->arena, &key, &room));
	take_one(b, d);
	assert_int_equal(called, 2);
	assert_true(queue_ready_refill(b->ready, b->arena, &key, &room));
	assert_string_equal(arena_str(b->arena, key), "one");
	assert_int_equal(room, 2);
	assert_false(queue_ready_refill(b->ready, b->arena, &key, &room));
	assert_false(queue_ready_is_full(b->ready));
	queue_ready_leave(b->ready, d);
}

/* While it is in doubt whether the host works, one recipient is enough. */
static void one_tries(void **state)
{
	struct bench *b = *state;
	struct list returned;
	struct slice key;
	size_t room;
	list_init(&returned);
	put(b, SLICE("one"), 1);
	struct queue_destination *d = queue_ready_next_connection(b->ready);
	take_one(b, d);
	int64_t until = queue_ready_pause(b->ready, d, &schedule, b->now_ms,
	                                  (struct queue_trouble){ .text = SLICE("closed") },
	                                  &returned);
	queue_ready_leave(b->ready, d);
	while ((b->now_ms = clock_wall_ms()) < until)
		continue;
	assert_int_equal(queue_ready_room(b->ready, SLICE("one"), b->now_ms), 1);
	put(b, SLICE("one"), 1);
	assert_int_equal(queue_ready_room(b->ready, SLICE("one"), b->now_ms), 0);
	queue_ready_watch(b->ready, SLICE("one"));
	d = queue_ready_next_connection(b->ready);
	take_one(b, d);
	assert_false(queue_ready_refill(b->ready, b->arena, &key, &room));
	queue_ready_works(b->ready, d);
	assert_true(queue_ready_refill(b->ready, b->arena, &key, &room));
	queue_ready_leave(b->ready, d);
}

/* The first message of a domain goes to another destination when its hosts are known. */
static void a_moved_job_counts_once_for_its_way(void **state)
{
	struct bench *b = *state;
	const struct config_smarthost way = { .rates = { .messages = 60 } };
	const struct queue_limits limits = { .max_connections = 3,
		                             .max_connections_per_destination = 2,
		                             .max_recipients = 8,
		                             .max_fed = 8,
		                             .ways = &way,
		                             .way_count = 1 };
	queue_ready_free(b->ready);
	b->ready = queue_ready_new(&limits, &schedule);
	struct queue_job *job = queue_job_new();
	queue_job_add(job);
	job->way = &way;
	assert_true(queue_ready_put(b->ready, SLICE("one"), job, b->now_ms, &b->due_ms, &b->why));
	struct queue_destination *one = queue_ready_next_connection(b->ready);
	assert_ptr_equal(queue_ready_take(b->ready, one), job);
	assert_true(queue_ready_put(b->ready, SLICE("two"), job, b->now_ms, &b->due_ms, &b->why));
	struct queue_destination *two = queue_ready_next_connection(b->ready);
	assert_ptr_equal(queue_ready_take(b->ready, two), job);
	struct queue_job *next = queue_job_new();
	queue_job_add(next);
	next->way = &way;
	assert_true(queue_ready_put(b->ready, SLICE("two"), next, b->now_ms, &b->due_ms, &b->why));
	assert_in_range(queue_ready_pace_ms(b->ready, two), 1, 1000);
	queue_job_free(job);
	queue_ready_leave(b->ready, two);
	queue_ready_leave(b->ready, one);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(connections_follow_the_jobs),
		TEST(one_destination_leaves_room_for_others),
		TEST(what_has_no_room_keeps_its_order),
		TEST(by_priority),
		TEST(a_pause_hands_all_back),
		TEST(room_is_told_of),
		TEST(one_tries),
		TEST(a_moved_job_counts_once_for_its_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
