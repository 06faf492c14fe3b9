/* What fibers of one worker, or of several, wait for each other with. */
#ifndef VEREDUS_FIBER_SYNC_H
#define VEREDUS_FIBER_SYNC_H

#include "base/list.h"
#include "fiber/fiber.h"

/* A semaphore for fibers of any worker and for plain threads that only post: `count` places, and
 * waiters in the order in which they came. */
struct semaphore;
struct semaphore *semaphore_new(int64_t count);
void semaphore_free(struct semaphore *s);
/* Takes a place, waiting for one. */
int semaphore_take(struct semaphore *s, int64_t deadline);
/* [any thread] Gives a place back. */
void semaphore_post(struct semaphore *s);

/* A lock between fibers of any workers that may be held across a wait (unlike a mutex of the
 * thread library). Not recursive. */
struct fiber_mutex;
struct fiber_mutex *fiber_mutex_new(void);
void fiber_mutex_free(struct fiber_mutex *m);
int fiber_mutex_lock(struct fiber_mutex *m, int64_t deadline);
void fiber_mutex_unlock(struct fiber_mutex *m);

#endif
