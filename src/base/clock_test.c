#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#define HOUR_MS (3600 * 1000LL)

static void steps_are_seen(void **state)
{
	(void)state;
	struct clock_watch w = { 0 };
	assert_int_equal(clock_watch_look(&w), 0);
	assert_int_equal(clock_watch_look(&w), 0);
	clock_shift_wall(9000 * HOUR_MS);
	assert_in_range(clock_watch_look(&w), 9000 * HOUR_MS - 1000, 9000 * HOUR_MS + 1000);
	assert_int_equal(clock_watch_look(&w), 0);
	clock_shift_wall(-9000 * HOUR_MS);
	assert_in_range(-clock_watch_look(&w), 9000 * HOUR_MS - 1000, 9000 * HOUR_MS + 1000);
	assert_int_equal(clock_watch_look(&w), 0);
}

static void small_corrections_are_none(void **state)
{
	(void)state;
	struct clock_watch w = { 0 };
	clock_watch_look(&w);
	for (int i = 0; i < 20; i++) {
		clock_let_pass(HOUR_MS);
		clock_shift_wall(i % 2 ? 2000 : -1000);
		assert_int_equal(clock_watch_look(&w), 0);
	}
	assert_in_range(clock_watch_even_ms(&w), 20 * HOUR_MS, 20 * HOUR_MS + 10000);
	clock_shift_wall(-10 * 1000);
}

static void trust_begins_anew_with_a_step(void **state)
{
	(void)state;
	struct clock_watch w = { 0 };
	clock_watch_look(&w);
	clock_let_pass(3 * HOUR_MS);
	clock_watch_look(&w);
	assert_in_range(clock_watch_even_ms(&w), 3 * HOUR_MS, 3 * HOUR_MS + 10000);
	clock_shift_wall(HOUR_MS);
	clock_watch_look(&w);
	assert_int_equal(clock_watch_even_ms(&w), 0);
	clock_let_pass(HOUR_MS);
	clock_watch_look(&w);
	assert_in_range(clock_watch_even_ms(&w), HOUR_MS, HOUR_MS + 10000);
	clock_shift_wall(-HOUR_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_seen),
		cmocka_unit_test(small_corrections_are_none),
		cmocka_unit_test(trust_begins_anew_with_a_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
