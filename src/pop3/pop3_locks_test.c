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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_session_a_maildrop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
