#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_notices.h"

#define HOUR_MS (60 * 60 * 1000LL)

static void test_so_many_an_hour(void **state)
{
	struct queue_notices *n = queue_notices_new();
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(queue_notices_allow(n, SLICE("a@far.test"), 3, HOUR_MS + i));
	assert_false(queue_notices_allow(n, SLICE("a@far.test"), 3, HOUR_MS + 4));
	assert_true(queue_notices_allow(n, SLICE("b@far.test"), 3, HOUR_MS + 5));
	assert_true(queue_notices_allow(n, SLICE("a@far.test"), 0, HOUR_MS + 6));
	assert_false(queue_notices_allow(n, SLICE("a@far.test"), 3, 2 * HOUR_MS - 1));
	assert_true(queue_notices_allow(n, SLICE("a@far.test"), 3, 2 * HOUR_MS));
	queue_notices_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_so_many_an_hour) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
