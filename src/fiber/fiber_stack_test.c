#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fiber/fiber_stack.h"

static size_t resident_pages(const struct stack *stack)
{
	static unsigned char pages[4096];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	assert_int_equal(mincore(stack->low, stack->size, pages), 0);
	for (size_t i = 0; i < stack->size / page; i++)
		count += pages[i] & 1;
	return count;
}

static void last_given_is_first_taken(void **state)
{
	struct stack_pool pool;
	struct stack *stacks[100];
	(void)state;
	stack_pool_create(&pool, 0);
	for (int i = 0; i < 100; i++) {
		stacks[i] = stack_take(&pool);
		assert_non_null(stacks[i]);
		memset(stacks[i]->low, i, stacks[i]->size);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(stacks[i]->low[stacks[i]->size - 1], i);
	stack_give(&pool, stacks[5]);
	assert_ptr_equal(stack_take(&pool), stacks[5]);
	stack_pool_destroy(&pool);
}

static void idle_stacks_give_memory_back(void **state)
{
	struct stack_pool pool;
	struct stack *stacks[64];
	(void)state;
	stack_pool_create(&pool, 128 * 1024);
	for (int i = 0; i < 64; i++) {
		stacks[i] = stack_take(&pool);
		memset(stacks[i]->low, 1, stacks[i]->size);
	}
	for (int i = 0; i < 64; i++)
		stack_give(&pool, stacks[i]);
	/* Given back only now, so nobody knows yet that they are not needed. */
	assert_true(stack_trim(&pool));
	assert_int_equal(pool.warm_count, 64);
	assert_false(stack_trim(&pool));
	assert_int_equal(pool.warm_count, STACK_POOL_KEEP);
	size_t kept = 0;
	for (int i = 0; i < 64; i++)
		kept += resident_pages(stacks[i]) > 0;
	assert_int_equal(kept, STACK_POOL_KEEP);
	stack_pool_destroy(&pool);
}

/* What a process that writes below the stack ends with. */
static int write_below(bool by_mprotect)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct stack_pool pool;
		signal(SIGSEGV, SIG_DFL);
		stack_pool_create(&pool, 0);
		pool.guard_by_mprotect = by_mprotect;
		volatile char *low = stack_take(&pool)->low;
		low[0] = 1;
		low[-(ptrdiff_t)STACK_GUARD_BYTES] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void guards_hold(void **state)
{
	(void)state;
	assert_int_equal(write_below(false), SIGSEGV);
	assert_int_equal(write_below(true), SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_given_is_first_taken),
		cmocka_unit_test(idle_stacks_give_memory_back),
		cmocka_unit_test(guards_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
