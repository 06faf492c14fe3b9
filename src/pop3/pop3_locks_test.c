#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3/pop3.h"
#include "pop3/pop3_locks.h"

static void one_session_a_maildrop(void **state)
{
	struct pop3_locks *locks = pop3_locks_new();
	(void)state;
	assert_true(pop3_lock(locks, 7));
	assert_true(pop3_lock(locks, 8));
	assert_false(pop3_lock(locks, 7));
	pop3_unlock(locks, 7);
	assert_true(pop3_lock(locks, 7));
	assert_false(pop3_lock(locks, 8));
	pop3_locks_free(locks);
	pop3_locks_free(NULL);
}

static void logins_have_a_distance(void **state)
{
	struct pop3_locks *locks = pop3_locks_new();
	(void)state;
	assert_true(pop3_lock_is_due(locks, 7, 0, 0));
	assert_true(pop3_lock_is_due(locks, 7, 60000, 50));
	assert_false(pop3_lock_is_due(locks, 7, 60000, 100));
	assert_true(pop3_lock_is_due(locks, 8, 60000, 200));
	/* A login that was refused is none. */
	assert_false(pop3_lock_is_due(locks, 7, 60000, 40000));
	assert_true(pop3_lock_is_due(locks, 7, 60000, 60050));
	assert_false(pop3_lock_is_due(locks, 7, 60000, 60001));
	pop3_locks_free(locks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_session_a_maildrop),
		cmocka_unit_test(logins_have_a_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
