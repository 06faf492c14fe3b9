#include "fiber/fiber_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "fiber/fiber_sanitize.h"

/* --- start, join, yield --------------------------------------------------------------- */

static void count_up(void *arg) { ++*(int *)arg; }

static void sleep_and_count(void *arg)
{
	CHECK(fiber_sleep(deadline_in(20)) == 0);
	count_up(arg);
}

static void join_body(void *arg)
{
	int ended = 0;
	(void)arg;
	fiber_id id = fiber_start(-1, "sleeper", sleep_and_count, &ended);
	CHECK(id != 0);
	CHECK(fiber_join(id, deadline_in(1)) == -ETIMEDOUT && ended == 0);
	CHECK(fiber_join(id, deadline_in(5000)) == 0 && ended == 1);
	CHECK(fiber_join(id, DEADLINE_NEVER) == 0);
	CHECK(fiber_join(fiber_self(), DEADLINE_NEVER) == -EDEADLK);
	id = fiber_start(1, "remote", sleep_and_count, &ended);
	CHECK(fiber_join(id, deadline_in(1)) == -ETIMEDOUT);
	CHECK(fiber_join(id, deadline_in(5000)) == 0 && ended == 2);
	CHECK(fiber_join(id, DEADLINE_NEVER) == 0);
	CHECK(fiber_start(9, "nowhere", count_up, &ended) == 0);
}

static void joins(void **state)
{
	(void)state;
	run_on_fiber(2, join_body, NULL);
}

struct turns {
	char *text;
	char letter;
};

static void append_letters(void *arg)
{
	struct turns *t = arg;
	for (int i = 0; i < 3; i++) {
		t->text[strlen(t->text)] = t->letter;
		fiber_yield();
	}
}

static void yield_body(void *arg)
{
	char text[16] = "";
	struct turns a = { text, 'a' }, b = { text, 'b' };
	(void)arg;
	fiber_id first = fiber_start(-1, "a", append_letters, &a);
	fiber_id second = fiber_start(-1, "b", append_letters, &b);
	CHECK(fiber_join(first, DEADLINE_NEVER) == 0 && fiber_join(second, DEADLINE_NEVER) == 0);
	CHECK(strcmp(text, "ababab") == 0);
}

static void yields_take_turns(void **state)
{
	(void)state;
	run_on_fiber(1, yield_body, NULL);
}

static void nothing_outside(void **state)
{
	int called = 0;
	(void)state;
	assert_true(fiber_self() == 0);
	assert_int_equal(runtime_worker(), -1);
	assert_int_equal(runtime_workers(), 0);
	assert_false(runtime_stopping());
	assert_true(fiber_start(0, "none", count_up, &called) == 0);
	fiber_wake(12345);
	fiber_cancel(12345);
	runtime_stop(0);
	fiber_offload(count_up, &called);
	assert_int_equal(called, 1);
}

/* --- park and wake -------------------------------------------------------------------- */

static void token_body(void *arg)
{
	(void)arg;
	fiber_wake(fiber_self());
	fiber_wake(fiber_self());
	CHECK(fiber_park("token", DEADLINE_NEVER) == 0);
	int64_t before = clock_monotonic_ms();
	CHECK(fiber_park("nothing", before + 20) == -ETIMEDOUT);
	CHECK(clock_monotonic_ms() >= before + 20);
	fiber_wake(fiber_self());
	CHECK(fiber_sleep(deadline_in(5)) == 0);
	CHECK(fiber_park("kept over the sleep", DEADLINE_NEVER) == 0);
	fiber_wake(0);
	fiber_wake(fiber_self() + 1);
	fiber_wake(~UINT64_C(0));
}

static void wakes_are_tokens(void **state)
{
	(void)state;
	run_on_fiber(1, token_body, NULL);
}

#define STORM_WAKES  20000
#define STORM_FIBERS 8

struct storm {
	fiber_id ids[STORM_FIBERS];
	_Atomic int wanted[STORM_FIBERS];
	atomic_int ready;
};

struct storm_part {
	struct storm *storm;
	int number;
	int seen;
};

static void storm_fiber(void *arg)
{
	struct storm_part *part = arg;
	while (part->seen < STORM_WAKES) {
		int now = atomic_load(&part->storm->wanted[part->number]);
		if (now == part->seen)
			CHECK(fiber_park("storm", deadline_in(20000)) == 0);
		part->seen = now;
	}
}

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;
	for (int i = 0; i < STORM_WAKES; i++) {
		for (int k = 0; k < STORM_FIBERS; k++)
			atomic_fetch_add(&storm->wanted[k], 1);
		if (i % 2)
			fiber_wake_all(storm->ids, STORM_FIBERS);
		else
			for (int k = 0; k < STORM_FIBERS; k++)
				fiber_wake(storm->ids[k]);
	}
	return NULL;
}

static void storm_body(void *arg)
{
	struct storm storm = { 0 };
	struct storm_part parts[STORM_FIBERS];
	pthread_t thread;
	(void)arg;
	for (int i = 0; i < STORM_FIBERS; i++) {
		parts[i] = (struct storm_part){ .storm = &storm, .number = i };
		storm.ids[i] = fiber_start(i % 2, "storm", storm_fiber, &parts[i]);
	}
	CHECK(pthread_create(&thread, NULL, storm_thread, &storm) == 0);
	for (int i = 0; i < STORM_FIBERS; i++)
		CHECK(fiber_join(storm.ids[i], deadline_in(30000)) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void wake_storms_lose_nothing(void **state)
{
	(void)state;
	run_on_fiber(2, storm_body, NULL);
}

struct ping {
	fiber_id peer;
	_Atomic int *ball;
	int self;
};

static void ping_fiber(void *arg)
{
	struct ping *p = arg;
	for (int i = 0; i < 2000; i++) {
		while (atomic_load(p->ball) != p->self)
			CHECK(fiber_park("ping", deadline_in(10000)) == 0);
		atomic_store(p->ball, !p->self);
		fiber_wake(p->peer);
	}
}

static void ping_body(void *arg)
{
	_Atomic int ball = 0;
	struct ping there = { .ball = &ball, .self = 1, .peer = fiber_self() };
	struct ping here = { .ball = &ball, .self = 0 };
	(void)arg;
	here.peer = fiber_start(1, "pong", ping_fiber, &there);
	ping_fiber(&here);
	CHECK(fiber_join(here.peer, deadline_in(10000)) == 0);
}

static void workers_play_ping_pong(void **state)
{
	(void)state;
	run_on_fiber(2, ping_body, NULL);
}

/* --- cancelling ----------------------------------------------------------------------- */

static void cancelled_fiber(void *arg)
{
	bool *fine = arg;
	CHECK(fiber_park("forever", DEADLINE_NEVER) == -ECANCELED);
	CHECK(fiber_sleep(deadline_in(10)) == 0);
	CHECK(fiber_park("in the grace", deadline_in(10)) == -ETIMEDOUT);
	*fine = true;
}

static void cancelled_before_it_waits(void *arg)
{
	bool *fine = arg;
	fiber_wake(fiber_self());
	CHECK(fiber_park("first", DEADLINE_NEVER) == -ECANCELED);
	CHECK(fiber_park("the token is still there", DEADLINE_NEVER) == 0);
	*fine = true;
}

static void cancel_body(void *arg)
{
	bool parked_fine = false, early_fine = false, remote_fine = false;
	(void)arg;
	fiber_id parked = fiber_start(-1, "parked", cancelled_fiber, &parked_fine);
	fiber_id remote = fiber_start(1, "remote", cancelled_fiber, &remote_fine);
	CHECK(fiber_sleep(deadline_in(20)) == 0);
	fiber_cancel(parked);
	fiber_cancel(remote);
	fiber_id early = fiber_start(-1, "early", cancelled_before_it_waits, &early_fine);
	fiber_cancel(early);
	CHECK(fiber_join(parked, deadline_in(5000)) == 0 && parked_fine);
	CHECK(fiber_join(early, deadline_in(5000)) == 0 && early_fine);
	CHECK(fiber_join(remote, deadline_in(5000)) == 0 && remote_fine);
	fiber_cancel(parked);
}

static void cancelling(void **state)
{
	(void)state;
	run_on_fiber(2, cancel_body, NULL);
}

struct grace {
	int64_t waited_ms;
	int64_t told_ms;
	int after;
};

static void grace_fiber(void *arg)
{
	struct grace *grace = arg;
	CHECK(fiber_sleep(DEADLINE_NEVER) == -ECANCELED);
	grace->told_ms = clock_monotonic_ms();
	CHECK(fiber_sleep(deadline_in(10)) == 0);
	CHECK(fiber_sleep(DEADLINE_NEVER) == -ECANCELED);
	grace->waited_ms = clock_monotonic_ms() - grace->told_ms;
	for (int i = 0; i < 10; i++)
		grace->after += fiber_park("over", DEADLINE_NEVER) == -ECANCELED;
}

static void grace_body(void *arg)
{
	fiber_start(0, "here", grace_fiber, arg);
	fiber_start(1, "there", grace_fiber, (struct grace *)arg + 1);
	CHECK(fiber_sleep(deadline_in(20)) == 0);
	CHECK(!runtime_stopping());
	runtime_stop(60000);
	CHECK(runtime_stopping());
	runtime_stop(100);
}

static void stopping_gives_a_grace(void **state)
{
	struct runtime_config config = { .workers = 2 };
	struct grace grace[2] = { 0 };
	(void)state;
	assert_int_equal(runtime_run(&config, grace_body, grace), 0);
	for (int i = 0; i < 2; i++) {
		assert_in_range(grace[i].waited_ms, 90, 600);
		assert_int_equal(grace[i].after, 10);
	}
}

static void stubborn_fiber(void *arg)
{
	(void)arg;
	for (;;)
		fiber_park("never gives in", DEADLINE_NEVER);
}

static void stubborn_body(void *arg)
{
	(void)arg;
	fiber_start(0, "stubborn", stubborn_fiber, NULL);
	fiber_start(1, "stubborn", stubborn_fiber, NULL);
	runtime_stop(10);
}

static void stubborn_fibers_are_given_up(void **state)
{
	struct runtime_config config = { .workers = 2 };
	int64_t before = clock_monotonic_ms();
	(void)state;
	assert_int_equal(runtime_run(&config, stubborn_body, NULL), 0);
	assert_in_range(clock_monotonic_ms() - before, 1000, 5000);
}

/* --- deadlines ------------------------------------------------------------------------ */

static void deadlines_body(void *arg)
{
	int ended = 0;
	(void)arg;
	int64_t before = clock_monotonic_ms();
	fiber_id ids[20];
	for (int i = 0; i < 20; i++)
		ids[i] = fiber_start(-1, "sleeper", sleep_and_count, &ended);
	for (int i = 0; i < 20; i++)
		CHECK(fiber_join(ids[i], DEADLINE_NEVER) == 0);
	CHECK(ended == 20);
	int64_t took = clock_monotonic_ms() - before;
	CHECK(took >= 20 && took < 2000);
	CHECK(fiber_sleep(before) == 0);
	CHECK(fiber_park("past", before) == -ETIMEDOUT);
}

static void deadlines(void **state)
{
	(void)state;
	run_on_fiber(1, deadlines_body, NULL);
}

/* --- offload -------------------------------------------------------------------------- */

static void slow_work(void *arg)
{
	usleep(50000);
	*(_Atomic int *)arg = 1;
	errno = EXDEV;
}

static void offload_fiber(void *arg)
{
	_Atomic int done = 0;
	errno = ENOTTY;
	fiber_offload(slow_work, (void *)&done);
	CHECK(done == 1);
	CHECK(errno == ENOTTY);
	CHECK(fiber_park("cancelled while offloaded", DEADLINE_NEVER) == -ECANCELED);
	CHECK(fiber_park("woken while offloaded", DEADLINE_NEVER) == 0);
	*(bool *)arg = true;
}

static void offload_body(void *arg)
{
	bool fine = false;
	(void)arg;
	fiber_id id = fiber_start(-1, "offload", offload_fiber, &fine);
	fiber_yield();
	fiber_cancel(id);
	fiber_wake(id);
	CHECK(fiber_join(id, deadline_in(5000)) == 0 && fine);
}

static void offload_never_returns_early(void **state)
{
	(void)state;
	run_on_fiber(2, offload_body, NULL);
}

static void offload_at_stop_body(void *arg)
{
	runtime_stop(0);
	fiber_offload(slow_work, arg);
}

static void offload_outlasts_the_stop(void **state)
{
	struct runtime_config config = { .workers = 2 };
	_Atomic int done = 0;
	(void)state;
	assert_int_equal(runtime_run(&config, offload_at_stop_body, (void *)&done), 0);
	assert_int_equal(done, 1);
}

/* --- errno, arenas, lists ------------------------------------------------------------- */

static _Thread_local int of_the_thread;

static void keeps_errno(void *arg)
{
	int mine = (int)(intptr_t)arg;
	int worker = runtime_worker();
	for (int i = 0; i < 200; i++) {
		errno = mine;
		of_the_thread = worker + 1;
		fiber_yield();
		CHECK(errno == mine);
		CHECK(of_the_thread == worker + 1);
		CHECK(runtime_worker() == worker);
	}
}

static void errno_body(void *arg)
{
	fiber_id ids[6];
	(void)arg;
	for (int i = 0; i < 6; i++)
		ids[i] = fiber_start(i % 2, "errno", keeps_errno, (void *)(intptr_t)(i + 1));
	for (int i = 0; i < 6; i++)
		CHECK(fiber_join(ids[i], deadline_in(10000)) == 0);
}

static void errno_and_thread_locals_stay(void **state)
{
	(void)state;
	run_on_fiber(2, errno_body, NULL);
}

static void wait_for_wake(void *arg)
{
	CHECK(fiber_park("many", deadline_in(20000)) == 0);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void many_body(void *arg)
{
	static fiber_id ids[3000];
	atomic_int ended = 0;
	(void)arg;
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < 3000; i++)
			ids[i] = fiber_start(i % 2, "many", wait_for_wake, (void *)&ended);
		fiber_wake_all(ids, 3000);
		for (int i = 0; i < 3000; i++)
			CHECK(fiber_join(ids[i], deadline_in(20000)) == 0);
		CHECK(ended == round * 3000);
	}
}

static void many_fibers(void **state)
{
	(void)state;
	run_on_fiber(2, many_body, NULL);
}

/* --- no more stacks ------------------------------------------------------------------- */

static void limit_address_space(size_t more)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	struct rlimit limit = { .rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + more };
	limit.rlim_max = limit.rlim_cur;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void scarce_body(void *arg)
{
	static fiber_id ids[1000];
	int ended = 0;
	(void)arg;
	for (int i = 0; i < 1000; i++)
		ids[i] = fiber_start(-1, "scarce", sleep_and_count, &ended);
	limit_address_space(16 * 1024 * 1024);
	for (int i = 0; i < 1000; i++)
		CHECK(fiber_join(ids[i], deadline_in(20000)) == 0);
	CHECK(ended == 1000);
}

/* A thousand stacks don't fit: the starts wait until others have ended. */
__attribute__((unused)) static void starts_wait_for_stacks(void **state)
{
	int status;
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		log_setup(LOG_ERROR, false, open("/dev/null", O_WRONLY));
		run_on_fiber(1, scarce_body, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- the end of the stack ------------------------------------------------------------- */

static int __attribute__((noinline)) eat_stack(volatile char *above, int depth)
{
	volatile char frame[512];
	frame[0] = *above;
	return depth == 0 ? 0 : eat_stack(frame, depth - 1) + frame[0];
}

static void overflow_body(void *arg)
{
	char bottom = 1;
	(void)arg;
	exit(eat_stack(&bottom, 1000000));
}

static void overflow_is_reported(void **state)
{
	int fds[2], status;
	static char said[65536];
	size_t len = 0;
	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		alarm(20);
		struct runtime_config config = { .workers = 1 };
		runtime_run(&config, overflow_body, NULL);
		_exit(0);
	}
	close(fds[1]);
	for (ssize_t got; (got = read(fds[0], said + len, sizeof(said) - 1 - len)) > 0;)
		len += (size_t)got;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_non_null(strstr(said, "error fiber.stack_overflow name=first"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
		cmocka_unit_test(yields_take_turns),
		cmocka_unit_test(nothing_outside),
		cmocka_unit_test(wakes_are_tokens),
		cmocka_unit_test(wake_storms_lose_nothing),
		cmocka_unit_test(workers_play_ping_pong),
		cmocka_unit_test(cancelling),
		cmocka_unit_test(stopping_gives_a_grace),
		cmocka_unit_test(stubborn_fibers_are_given_up),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(offload_never_returns_early),
		cmocka_unit_test(offload_outlasts_the_stop),
		cmocka_unit_test(errno_and_thread_locals_stay),
		cmocka_unit_test(many_fibers),
#if !FIBER_ASAN && !FIBER_TSAN
		cmocka_unit_test(starts_wait_for_stacks),
#endif
		cmocka_unit_test(overflow_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
