/* Fibers: code that waits reads like code that doesn't.
 *
 * The runtime is a number of workers, each a thread with its own libuv loop. A fiber is a
 * stackful coroutine that belongs to one worker for life and is never moved, so code that runs
 * on one worker takes no locks against itself. A fiber gives way only where it waits: in the
 * functions below that take a deadline, in fiber_yield() and in what is built on them.
 *
 *     runtime_run(&config, first, arg)      starts the workers; `first` is the first fiber
 *       fiber_start(...)                    more fibers, on any worker
 *         fiber_wait_fd(), fiber_park() ... wait; all deadlines are absolute and monotonic
 *       runtime_stop(grace_ms)              cancels every wait, then ends
 *
 * Waits return 0, -ETIMEDOUT when the deadline passed, or -ECANCELED when the fiber was
 * cancelled. After a cancellation the first wait returns -ECANCELED; then the fiber has until
 * the end of the grace to say good-bye, with waits that work again; when the grace is over every
 * wait returns -ECANCELED. errno survives a wait. No mutex of the thread library may be held
 * across one: see sync.h for a lock that may.
 *
 * Functions marked [any thread] may be called from anywhere; all others only on a fiber, and
 * those marked [loop] also from a loop callback of the worker. */
#ifndef VEREDUS_FIBER_FIBER_H
#define VEREDUS_FIBER_FIBER_H

#include "base/arena.h"
#include "base/clock.h"

/* Names a fiber by worker, slot and generation: once the fiber has ended the id names nothing,
 * and calls with it do nothing. 0 is never a fiber. */
typedef uint64_t fiber_id;
typedef void (*fiber_fn)(void *arg);

struct runtime_config {
	int workers;         /* 0: one a core */
	size_t stack_bytes;  /* 0: a default that fits all our code, larger under sanitizers */
	int offload_threads; /* 0: a default */
};

/* Runs until runtime_stop() was called and every fiber has ended or its grace has. The first
 * worker is the calling thread. Returns 0 or a negative errno if the workers can't be started. */
int runtime_run(const struct runtime_config *config, fiber_fn first, void *arg);
/* [any thread] Cancels every fiber and wakes every idle watch with WATCH_STOP; fibers get
 * grace_ms to end. May be called again with a shorter grace. */
void runtime_stop(int64_t grace_ms);
/* [any thread] True once runtime_stop() was called. */
bool runtime_stopping(void);
int runtime_workers(void);
/* The worker this thread is, 0 to runtime_workers() - 1, or -1 on a thread that is none. */
int runtime_worker(void);

/* [any thread] Starts fn(arg) on a worker (-1: the calling one). name is kept by pointer: give a
 * literal. Returns 0 when the runtime is not running. */
fiber_id fiber_start(int worker, const char *name, fiber_fn fn, void *arg);
/* The running fiber; 0 in a thread that runs none. */
fiber_id fiber_self(void);
/* Waits until the fiber has ended. */
int fiber_join(fiber_id id, int64_t deadline);
/* [any thread] Cancels one fiber, with a grace of FIBER_CANCEL_GRACE_MS. */
void fiber_cancel(fiber_id id);
int fiber_sleep(int64_t deadline);
/* Lets other fibers and events of this worker have a turn. */
void fiber_yield(void);

/* How long a fiber that was cancelled alone may take for its good-bye. */
#define FIBER_CANCEL_GRACE_MS 5000

#define FIBER_READ  1
#define FIBER_WRITE 2
/* Waits once for a file descriptor that nothing else on this worker watches (see watch.h for one
 * that is waited for again and again). */
int fiber_wait_fd(int fd, int events, int64_t deadline);

/* Waits for a wake. A wake is a token: one that came before the park is kept, and a second one is
 * the same as one, so waiters loop on their condition. scripts/fiber-gdb.py
 * shows why. */
int fiber_park(const char *why, int64_t deadline);
/* [any thread] */
void fiber_wake(fiber_id id);
/* [any thread] Wakes many with one interruption of each worker. */
void fiber_wake_all(const fiber_id *ids, size_t count);

/* Runs fn(arg) on a thread of the pool and returns when it has returned, whatever happens to the
 * fiber meanwhile: arg may lie on the caller's stack. Outside a fiber it simply calls fn. */
void fiber_offload(void (*fn)(void *arg), void *arg);

#endif
