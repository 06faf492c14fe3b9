#include "queue/queue_beat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define A SLICE("a")
#define B SLICE("b")

static int64_t see(struct queue_beats *b, int64_t now_ms, struct slice owner, int64_t beat)
{
	queue_beats_look(b, now_ms);
	return queue_beats_see(b, owner, beat);
}

static void stands_still_from_the_first_sight_on(void **state)
{
	struct queue_beats *b = queue_beats_new(100);
	(void)state;
	assert_int_equal(see(b, 5000, A, 7), 0);
	assert_int_equal(see(b, 5060, A, 7), 60);
	assert_int_equal(see(b, 5120, A, 7), 120);
	assert_int_equal(see(b, 5180, A, 8), 0);
	assert_int_equal(see(b, 5240, A, 8), 60);
	/* One that begins anew counts from 0 again. */
	assert_int_equal(see(b, 5300, A, 0), 0);
	queue_beats_free(b);
}

static void who_did_not_look_has_not_seen(void **state)
{
	struct queue_beats *b = queue_beats_new(100);
	(void)state;
	assert_int_equal(see(b, 0, A, 7), 0);
	assert_int_equal(see(b, 3600 * 1000, A, 7), 100);
	assert_int_equal(see(b, 3600 * 1000 + 50, A, 7), 150);
	queue_beats_free(b);
}

static void each_for_itself_and_forgotten_when_gone(void **state)
{
	struct queue_beats *b = queue_beats_new(100);
	(void)state;
	for (int64_t at = 0; at <= 300; at += 100) {
		queue_beats_look(b, at);
		assert_int_equal(queue_beats_see(b, A, 1), at);
		assert_int_equal(queue_beats_see(b, B, at), 0);
	}
	queue_beats_look(b, 400);
	queue_beats_see(b, B, 400);
	queue_beats_look(b, 500);
	assert_int_equal(queue_beats_see(b, A, 1), 0);
	queue_beats_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stands_still_from_the_first_sight_on),
		cmocka_unit_test(who_did_not_look_has_not_seen),
		cmocka_unit_test(each_for_itself_and_forgotten_when_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
