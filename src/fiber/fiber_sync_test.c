#include "fiber/fiber_testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fiber/sync.h"

struct shared {
	struct fiber_mutex *mutex;
	struct semaphore *places;
	int inside;
	int total;
	atomic_int taken;
};

static void count_under_lock(void *arg)
{
	struct shared *s = arg;
	for (int i = 0; i < 100; i++) {
		CHECK(fiber_mutex_lock(s->mutex, deadline_in(20000)) == 0);
		CHECK(s->inside++ == 0);
		if (i % 10 == 0)
			fiber_yield();
		s->total++;
		s->inside--;
		fiber_mutex_unlock(s->mutex);
	}
}

static void mutex_body(void *arg)
{
	struct shared s = { .mutex = fiber_mutex_new() };
	fiber_id ids[10];
	(void)arg;
	for (int i = 0; i < 10; i++)
		ids[i] = fiber_start(i % 2, "locker", count_under_lock, &s);
	for (int i = 0; i < 10; i++)
		CHECK(fiber_join(ids[i], deadline_in(20000)) == 0);
	CHECK(s.total == 1000);
	CHECK(fiber_mutex_lock(s.mutex, DEADLINE_NEVER) == 0);
	CHECK(fiber_mutex_lock(s.mutex, deadline_in(10)) == -ETIMEDOUT);
	fiber_mutex_unlock(s.mutex);
	CHECK(fiber_mutex_lock(s.mutex, DEADLINE_NEVER) == 0);
	fiber_mutex_free(s.mutex);
	fiber_mutex_free(NULL);
}

static void mutex_excludes(void **state)
{
	(void)state;
	run_on_fiber(2, mutex_body, NULL);
}

static void take_place(void *arg)
{
	struct shared *s = arg;
	CHECK(semaphore_take(s->places, deadline_in(20000)) == 0);
	atomic_fetch_add(&s->taken, 1);
}

static void *post_all(void *arg)
{
	struct shared *s = arg;
	for (int i = 0; i < 48; i++)
		semaphore_post(s->places);
	return NULL;
}

static void take_and_be_cancelled(void *arg)
{
	struct shared *s = arg;
	CHECK(semaphore_take(s->places, DEADLINE_NEVER) == -ECANCELED);
}

static void semaphore_body(void *arg)
{
	struct shared s = { .places = semaphore_new(2) };
	fiber_id ids[50];
	pthread_t thread;
	(void)arg;
	for (int i = 0; i < 50; i++)
		ids[i] = fiber_start(i % 2, "taker", take_place, &s);
	CHECK(fiber_sleep(deadline_in(30)) == 0);
	CHECK(s.taken == 2);
	CHECK(semaphore_take(s.places, deadline_in(1)) == -ETIMEDOUT);
	CHECK(pthread_create(&thread, NULL, post_all, &s) == 0);
	for (int i = 0; i < 50; i++)
		CHECK(fiber_join(ids[i], deadline_in(20000)) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(s.taken == 50);
	CHECK(semaphore_take(s.places, deadline_in(10)) == -ETIMEDOUT);
	fiber_id cancelled = fiber_start(-1, "cancelled", take_and_be_cancelled, &s);
	fiber_yield();
	fiber_cancel(cancelled);
	CHECK(fiber_join(cancelled, deadline_in(5000)) == 0);
	semaphore_post(s.places);
	CHECK(semaphore_take(s.places, deadline_in(5000)) == 0);
	semaphore_free(s.places);
}

static void semaphore_counts(void **state)
{
	(void)state;
	run_on_fiber(2, semaphore_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutex_excludes),
		cmocka_unit_test(semaphore_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
