#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/list.h"
#include "fiber/fiber_timer.h"

#define COUNT 500

struct clocked {
	struct timer timer;
	int fired;
};

static void on_fire(struct timer *timer) { LIST_ENTRY(timer, struct clocked, timer)->fired++; }

static void fires_in_order_of_time(void **state)
{
	static struct clocked all[COUNT];
	struct timers timers = { 0 };
	(void)state;
	for (int i = 0; i < COUNT; i++) {
		all[i] = (struct clocked){ .timer = timer_make(on_fire) };
		timer_set(&timers, &all[i].timer, (int64_t)random_below(1000));
	}
	/* Later, earlier, never, removed. */
	for (int i = 0; i < COUNT; i++) {
		if (i % 5 == 1)
			timer_set(&timers, &all[i].timer, 1000 + i);
		else if (i % 5 == 2)
			timer_set(&timers, &all[i].timer, i % 7);
		else if (i % 5 == 3)
			timer_clear(&all[i].timer);
		else if (i % 5 == 4)
			timer_remove(&timers, &all[i].timer);
	}
	for (int64_t now = 0; now < 2000; now += 10) {
		int64_t deadlines[COUNT];
		for (int i = 0; i < COUNT; i++)
			deadlines[i] = all[i].timer.deadline;
		timers_run(&timers, now);
		for (int i = 0; i < COUNT; i++) {
			if (deadlines[i] != DEADLINE_NEVER)
				assert_int_equal(all[i].fired, deadlines[i] <= now);
		}
		assert_true(timers_next(&timers) > now);
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(all[i].fired, i % 5 < 3);
	assert_true(timers_next(&timers) == DEADLINE_NEVER);
	timers_destroy(&timers);
}

static void moving_further_costs_no_place(void **state)
{
	struct timers timers = { 0 };
	struct clocked one = { .timer = timer_make(on_fire) };
	(void)state;
	for (int64_t i = 1; i < 1000; i++)
		timer_set(&timers, &one.timer, i);
	assert_int_equal(timers.count, 1);
	assert_int_equal(timers_next(&timers), 1);
	timers_run(&timers, 998);
	assert_int_equal(one.fired, 0);
	assert_int_equal(timers_next(&timers), 999);
	timers_run(&timers, 999);
	assert_int_equal(one.fired, 1);
	timers_destroy(&timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_in_order_of_time),
		cmocka_unit_test(moving_further_costs_no_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
