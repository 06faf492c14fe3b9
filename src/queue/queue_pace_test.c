#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_pace.h"

static void messages(struct queue_pace *p, int count, int64_t now_ms)
{
	for (int i = 0; i < count; i++)
		queue_pace_faster(p, 5, now_ms);
}

static void grows_as_messages_get_through(void **state)
{
	struct queue_pace p;
	(void)state;
	queue_pace_begin(&p, 2);
	assert_false(queue_pace_works(&p, 1000));
	messages(&p, 1, 1000);
	assert_int_equal(p.allowed, 2);
	assert_true(queue_pace_works(&p, 1000));
	messages(&p, 1, 1000);
	assert_int_equal(p.allowed, 3);
	messages(&p, 3 + 4, 1000);
	assert_int_equal(p.allowed, 5);
	messages(&p, 100, 1000);
	assert_int_equal(p.allowed, 5);
	assert_false(queue_pace_works(&p, 1000 + 60000));
}

static void halves_and_stays_calm(void **state)
{
	struct queue_pace p;
	(void)state;
	queue_pace_begin(&p, 8);
	queue_pace_slower(&p, 6, 1000);
	assert_int_equal(p.allowed, 3);
	messages(&p, 100, 60000);
	assert_int_equal(p.allowed, 3);
	messages(&p, 3, 61000);
	assert_int_equal(p.allowed, 4);
	for (int i = 0; i < 5; i++)
		queue_pace_slower(&p, 4, 62000);
	assert_int_equal(p.allowed, 1);
}

static void one_too_many(void **state)
{
	struct queue_pace p;
	(void)state;
	queue_pace_begin(&p, 10);
	queue_pace_one_less(&p, 4, 1000);
	assert_int_equal(p.allowed, 3);
	queue_pace_one_less(&p, 9, 1000);
	assert_int_equal(p.allowed, 3);
	queue_pace_one_less(&p, 1, 1000);
	assert_int_equal(p.allowed, 1);
}

static int64_t run(struct queue_meter *m, unsigned per_minute, int count)
{
	int64_t now_us = 1000000;
	for (int i = 0; i < count; i++) {
		now_us += queue_meter_wait_ms(m, per_minute, now_us) * 1000;
		queue_meter_count(m, per_minute, 1, now_us);
	}
	return (now_us - 1000000) / 1000;
}

static void rates_hold(void **state)
{
	struct queue_meter m = { 0 };
	(void)state;
	assert_int_equal(run(&m, 0, 1000), 0);
	/* One every six seconds. */
	m = (struct queue_meter){ 0 };
	assert_int_equal(run(&m, 10, 11), 60000);
	/* A hundred a second: those of the first second at once. */
	m = (struct queue_meter){ 0 };
	assert_int_equal(run(&m, 6000, 100), 0);
	assert_in_range(run(&m, 6000, 6000), 59000, 61000);
}

static void a_crowd_is_paid_for_afterwards(void **state)
{
	struct queue_meters m = { 0 };
	const struct config_rates rates = { .recipients = 60 };
	(void)state;
	assert_int_equal(queue_meters_wait_ms(&m, &rates, 5000000), 0);
	queue_meters_count(&m, &rates, 30, 5000000);
	assert_int_equal(queue_meters_wait_ms(&m, &rates, 5000000), 30000);
	assert_int_equal(queue_meters_wait_ms(&m, &rates, 35000000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_as_messages_get_through),
		cmocka_unit_test(halves_and_stays_calm),
		cmocka_unit_test(one_too_many),
		cmocka_unit_test(rates_hold),
		cmocka_unit_test(a_crowd_is_paid_for_afterwards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
