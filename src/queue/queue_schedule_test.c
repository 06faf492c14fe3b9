#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "queue/queue_schedule.h"

static const struct queue_schedule schedule = { .first_ms = 60000, .max_ms = 3600000 };

static void doubles_up_to_the_longest(void **state)
{
	(void)state;
	/* The random number that moves the pause nowhere is a tenth of it. */
	assert_int_equal(queue_schedule_pause(&schedule, 1, 6000), 60000);
	assert_int_equal(queue_schedule_pause(&schedule, 2, 12000), 120000);
	assert_int_equal(queue_schedule_pause(&schedule, 6, 192000), 1920000);
	assert_int_equal(queue_schedule_pause(&schedule, 7, 360000), 3600000);
	assert_int_equal(queue_schedule_pause(&schedule, 4000000000U, 360000), 3600000);
}

static void jitter_stays_within_a_tenth(void **state)
{
	(void)state;
	int64_t least = INT64_MAX;
	int64_t most = 0;
	for (int i = 0; i < 1000; i++) {
		int64_t pause = queue_schedule_pause(&schedule, 1, random_u64());
		least = pause < least ? pause : least;
		most = pause > most ? pause : most;
	}
	assert_in_range(least, 54000, 55000);
	assert_in_range(most, 65000, 66000);
	const struct queue_schedule tiny = { .first_ms = 3, .max_ms = 5 };
	assert_int_equal(queue_schedule_pause(&tiny, 1, 77), 3);
	assert_int_equal(queue_schedule_pause(&tiny, 9, 77), 5);
}

static void the_last_attempt_is_at_expiry(void **state)
{
	(void)state;
	assert_int_equal(queue_schedule_due(1000, 500, 9000), 1500);
	assert_int_equal(queue_schedule_due(1000, 50000, 9000), 9000);
	assert_int_equal(queue_schedule_due(9000, 50000, 9000), 59000);
}

/* Five days of a dead host: how often is it asked? */
static void five_days_take_few_attempts(void **state)
{
	(void)state;
	const struct queue_schedule s = { .first_ms = 300000, .max_ms = 4 * 3600000 };
	const int64_t expires = 5 * 24 * 3600000LL;
	int64_t now = 0;
	unsigned attempts = 0;
	while (now < expires) {
		attempts++;
		now = queue_schedule_due(now, queue_schedule_pause(&s, attempts, random_u64()),
		                         expires);
	}
	assert_int_equal(now, expires);
	assert_in_range(attempts, 30, 42);
}

static void ways_have_times_of_their_own(void **state)
{
	(void)state;
	struct config_smarthost ways[] = {
		{ .times = { .retry_first_ms = 10, .expire_ms = 5000 } },
		{ .times = { .retry_max_ms = 900, .delay_notice_ms = 70, .expire_ms = 20000 } },
	};
	const struct config config = {
		.queue = { .times = { 20, 300, 9000, 60 }, .delay_notice_unasked = true },
		.smarthosts = ways,
		.smarthost_count = 2,
	};
	struct queue_schedule s = queue_schedule_of(&config, NULL);
	assert_int_equal(s.first_ms, 20);
	assert_int_equal(queue_schedule_expiry(&s, 100, 1234), 1234);
	s = queue_schedule_of(&config, &ways[0]);
	assert_int_equal(s.first_ms, 10);
	assert_int_equal(s.max_ms, 300);
	assert_int_equal(s.delay_notice_ms, 60);
	assert_true(s.delay_unasked);
	assert_int_equal(queue_schedule_expiry(&s, 100, 1234), 5100);
	s = queue_schedule_of(&config, &ways[1]);
	assert_int_equal(s.max_ms, 900);
	assert_int_equal(s.delay_notice_ms, 70);
	s = queue_schedule_bounds(&config);
	assert_int_equal(s.max_ms, 900);
	assert_int_equal(s.expire_ms, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_up_to_the_longest),
		cmocka_unit_test(jitter_stays_within_a_tenth),
		cmocka_unit_test(the_last_attempt_is_at_expiry),
		cmocka_unit_test(five_days_take_few_attempts),
		cmocka_unit_test(ways_have_times_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
