#include "fiber/fiber_testing.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/watch.h"

/* A session over one end of a socket pair, as a server would have it. */
struct echo {
	struct watch *watch;
	int fd;
	int64_t idle_ms;
	fiber_id test;
	int ready, kicks, deadlines, stops;
	bool slow; /* waits in its step, so that input comes meanwhile */
	bool ended;
};

static void echo_idle(struct echo *e);

static void echo_input(struct echo *e)
{
	char bytes[64];
	ssize_t got = read(e->fd, bytes, sizeof(bytes));
	if (got <= 0) {
		e->ended = true;
		return;
	}
	if (e->slow)
		CHECK(fiber_sleep(deadline_in(20)) == 0);
	CHECK(write(e->fd, bytes, (size_t)got) == got);
}

static void echo_step(void *arg, enum watch_reason why)
{
	struct echo *e = arg;
	CHECK(fiber_self() != 0);
	e->ready += why == WATCH_READY;
	e->kicks += why == WATCH_KICK;
	e->deadlines += why == WATCH_DEADLINE;
	e->stops += why == WATCH_STOP;
	if (why == WATCH_READY)
		echo_input(e);
	if (why == WATCH_STOP)
		e->ended = true;
	fiber_wake(e->test);
	if (e->ended)
		watch_free(e->watch);
	else
		echo_idle(e);
}

static void echo_idle(struct echo *e)
{
	watch_idle(e->watch, "echo", echo_step, e,
	           e->idle_ms > 0 ? deadline_in(e->idle_ms) : DEADLINE_NEVER);
}

static void echo_open(struct echo *e, int fds[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	e->fd = fds[0];
	e->test = fiber_self();
	e->watch = watch_new(fds[0]);
	CHECK(e->watch != NULL);
	echo_idle(e);
}

static void ask(int fd, const char *text)
{
	char answer[64];
	size_t len = strlen(text);
	CHECK(write(fd, text, len) == (ssize_t)len);
	CHECK(fiber_wait_fd(fd, FIBER_READ, deadline_in(5000)) == 0);
	CHECK(read(fd, answer, sizeof(answer)) == (ssize_t)len);
	CHECK(memcmp(answer, text, len) == 0);
}

static void echo_body(void *arg)
{
	struct echo e = { 0 };
	int fds[2];
	(void)arg;
	echo_open(&e, fds);
	for (int i = 0; i < 100; i++)
		ask(fds[1], "hello");
	CHECK(e.ready == 100);
	e.slow = true;
	/* Input while the step waits: not lost, not a busy loop, answered afterwards. */
	CHECK(write(fds[1], "one", 3) == 3);
	CHECK(fiber_sleep(deadline_in(10)) == 0);
	CHECK(write(fds[1], "two", 3) == 3);
	CHECK(fiber_sleep(deadline_in(100)) == 0);
	char answer[64];
	CHECK(read(fds[1], answer, sizeof(answer)) == 6 && memcmp(answer, "onetwo", 6) == 0);
	CHECK(e.ready == 102);
	e.slow = false;
	ask(fds[1], "again");
	close(fds[1]);
	while (!e.ended)
		CHECK(fiber_park("end", deadline_in(5000)) == 0);
	CHECK(e.kicks == 0 && e.deadlines == 0 && e.stops == 0);
	close(fds[0]);
}

static void idle_sessions_answer(void **state)
{
	(void)state;
	run_on_fiber(1, echo_body, NULL);
}

static void kick_body(void *arg)
{
	struct echo e = { 0 };
	int fds[2];
	(void)arg;
	echo_open(&e, fds);
	watch_id name = watch_name(e.watch);
	watch_kick(name);
	watch_kick(name);
	while (e.kicks == 0)
		CHECK(fiber_park("kick", deadline_in(5000)) == 0);
	CHECK(fiber_sleep(deadline_in(10)) == 0);
	CHECK(e.kicks == 1);
	/* A kick while the step works comes afterwards. */
	e.slow = true;
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(fiber_sleep(deadline_in(5)) == 0);
	watch_kick(name);
	CHECK(fiber_sleep(deadline_in(100)) == 0);
	CHECK(e.ready == 1 && e.kicks == 2);
	close(fds[1]);
	while (!e.ended)
		CHECK(fiber_park("end", deadline_in(5000)) == 0);
	watch_kick(name);
	watch_kick(0);
	close(fds[0]);
}

static void kicks_are_not_lost(void **state)
{
	(void)state;
	run_on_fiber(2, kick_body, NULL);
}

struct remote_kicks {
	watch_id name;
	int count;
};

static void kick_from_there(void *arg)
{
	struct remote_kicks *r = arg;
	for (int i = 0; i < r->count; i++)
		watch_kick(r->name);
}

static void remote_kick_body(void *arg)
{
	struct echo e = { 0 };
	int fds[2];
	(void)arg;
	echo_open(&e, fds);
	struct remote_kicks r = { .name = watch_name(e.watch), .count = 1000 };
	CHECK(fiber_join(fiber_start(1, "kicker", kick_from_there, &r), deadline_in(10000)) == 0);
	while (e.kicks == 0)
		CHECK(fiber_park("kick", deadline_in(5000)) == 0);
	close(fds[1]);
	while (!e.ended)
		CHECK(fiber_park("end", deadline_in(5000)) == 0);
	close(fds[0]);
}

static void other_workers_kick(void **state)
{
	(void)state;
	run_on_fiber(2, remote_kick_body, NULL);
}

static void deadline_body(void *arg)
{
	struct echo e = { .idle_ms = 30 };
	int fds[2];
	(void)arg;
	int64_t before = clock_monotonic_ms();
	echo_open(&e, fds);
	/* Input moves the deadline on. */
	CHECK(fiber_sleep(before + 20) == 0);
	ask(fds[1], "still here");
	while (e.deadlines < 1)
		CHECK(fiber_park("deadline", deadline_in(5000)) == 0);
	CHECK(clock_monotonic_ms() - before >= 50);
	while (e.deadlines < 3)
		CHECK(fiber_park("deadline", deadline_in(5000)) == 0);
	CHECK(e.ready == 1);
	close(fds[1]);
	while (!e.ended)
		CHECK(fiber_park("end", deadline_in(5000)) == 0);
	close(fds[0]);
}

static void idle_deadlines_pass(void **state)
{
	(void)state;
	run_on_fiber(1, deadline_body, NULL);
}

static struct echo stopped[2];

static void stop_body(void *arg)
{
	static int fds[2][2];
	(void)arg;
	stopped[0] = stopped[1] = (struct echo){ 0 };
	echo_open(&stopped[0], fds[0]);
	/* This one is at work when the stop comes. */
	echo_open(&stopped[1], fds[1]);
	stopped[1].slow = false;
	CHECK(write(fds[1][1], "x", 1) == 1);
	runtime_stop(1000);
}

static void stop_tells_idle_sessions(void **state)
{
	struct runtime_config config = { .workers = 2 };
	int64_t before = clock_monotonic_ms();
	(void)state;
	assert_int_equal(runtime_run(&config, stop_body, NULL), 0);
	assert_int_equal(stopped[0].stops, 1);
	assert_int_equal(stopped[1].stops, 1);
	assert_true(clock_monotonic_ms() - before < 900);
}

static void wait_body(void *arg)
{
	int fds[2];
	char bytes[4096] = { 0 };
	(void)arg;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	struct watch *w = watch_new(fds[0]);
	CHECK(w != NULL);
	CHECK(watch_wait(w, FIBER_READ, deadline_in(10)) == -ETIMEDOUT);
	CHECK(watch_wait(w, FIBER_WRITE, deadline_in(1000)) == 0);
	while (write(fds[0], bytes, sizeof(bytes)) > 0)
		;
	CHECK(watch_wait(w, FIBER_WRITE, deadline_in(10)) == -ETIMEDOUT);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(watch_wait(w, FIBER_READ | FIBER_WRITE, deadline_in(1000)) == 0);
	CHECK(watch_wait(w, FIBER_READ, deadline_in(1000)) == 0);
	CHECK(fiber_wait_fd(fds[0], FIBER_READ, deadline_in(10)) < 0);
	while (read(fds[1], bytes, sizeof(bytes)) > 0)
		;
	CHECK(watch_wait(w, FIBER_WRITE, deadline_in(1000)) == 0);
	close(fds[1]);
	watch_free(w);
	close(fds[0]);
	watch_free(NULL);
	CHECK(watch_new(-1) == NULL);
	CHECK(fiber_wait_fd(-1, FIBER_READ, DEADLINE_NEVER) == -EBADF);
}

static void fibers_wait_for_both_ways(void **state)
{
	(void)state;
	run_on_fiber(1, wait_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_sessions_answer),
		cmocka_unit_test(kicks_are_not_lost),
		cmocka_unit_test(other_workers_kick),
		cmocka_unit_test(idle_deadlines_pass),
		cmocka_unit_test(stop_tells_idle_sessions),
		cmocka_unit_test(fibers_wait_for_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
