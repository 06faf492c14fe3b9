#include "fiber/sync.h"

#include <pthread.h>
#include <stdlib.h>

struct semaphore {
	pthread_mutex_t lock; /* never held across a wait */
	struct list waiters;
	int64_t count;
};

/* On the stack of the fiber that waits. */
struct semaphore_waiter {
	struct list link;
	fiber_id id;
	bool granted;
};

static void semaphore_create(struct semaphore *s, int64_t count)
{
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->waiters);
	s->count = count;
}

struct semaphore *semaphore_new(int64_t count)
{
	struct semaphore *s = mem_zero(1, sizeof(*s));
	semaphore_create(s, count);
	return s;
}

void semaphore_free(struct semaphore *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under the lock. Those who wait already come first. */
static bool semaphore_try_locked(struct semaphore *s)
{
	if (s->count <= 0 || !list_is_empty(&s->waiters))
		return false;
	s->count--;
	return true;
}

/* One wait; true when it is over: the place was granted, or status is an error. */
static bool semaphore_wait(struct semaphore *s, struct semaphore_waiter *waiter, int *status,
                           int64_t deadline)
{
	*status = fiber_park("semaphore", deadline);
	pthread_mutex_lock(&s->lock);
	bool granted = waiter->granted;
	if (!granted && *status < 0)
		list_remove(&waiter->link);
	pthread_mutex_unlock(&s->lock);
	/* A place that came together with the error is taken: it would be lost otherwise. */
	if (granted)
		*status = 0;
	return granted || *status < 0;
}

int semaphore_take(struct semaphore *s, int64_t deadline)
{
	struct semaphore_waiter waiter = { .id = fiber_self() };
	int status;
	pthread_mutex_lock(&s->lock);
	bool taken = semaphore_try_locked(s);
	if (!taken)
		list_append(&s->waiters, &waiter.link);
	pthread_mutex_unlock(&s->lock);
	if (taken)
		return 0;
	while (!semaphore_wait(s, &waiter, &status, deadline))
		;
	return status;
}

void semaphore_post(struct semaphore *s)
{
	fiber_id id = 0;
	pthread_mutex_lock(&s->lock);
	struct semaphore_waiter *first = LIST_FIRST(&s->waiters, struct semaphore_waiter, link);
	if (first) {
		list_remove(&first->link);
		first->granted = true;
		id = first->id;
	} else {
		s->count++;
	}
	pthread_mutex_unlock(&s->lock);
	fiber_wake(id);
}

/* A mutex is a semaphore with one place, under a type that can't be mixed up with it. */
struct fiber_mutex {
	struct semaphore place;
};

struct fiber_mutex *fiber_mutex_new(void)
{
	struct fiber_mutex *m = mem_zero(1, sizeof(*m));
	semaphore_create(&m->place, 1);
	return m;
}

void fiber_mutex_free(struct fiber_mutex *m)
{
	if (!m)
		return;
	pthread_mutex_destroy(&m->place.lock);
	free(m);
}

int fiber_mutex_lock(struct fiber_mutex *m, int64_t deadline)
{
	return semaphore_take(&m->place, deadline);
}

void fiber_mutex_unlock(struct fiber_mutex *m) { semaphore_post(&m->place); }
