/* Inside the runtime: workers, the fibers on them, and messages between them.
 *
 * A turn of a worker's loop: take the messages in, run each fiber that is ready and each watch
 * that has a step to do, once; then let libuv wait for descriptors, the next deadline, results of
 * offloaded work or a message. All that belongs to a worker is touched by its thread alone, but
 * for what stands under `inbox`. */
#ifndef VEREDUS_FIBER_FIBER_WORKER_H
#define VEREDUS_FIBER_FIBER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/hash.h"
#include "base/list.h"
#include "fiber/fiber_sanitize.h"
#include "fiber/fiber_slot.h"
#include "fiber/fiber_stack.h"
#include "fiber/fiber_switch.h"
#include "fiber/fiber_timer.h"
#include "fiber/watch.h"

/* How long after the grace fibers may go on without waiting before they are given up. */
#define FIBER_GIVE_UP_MS 1000
/* How soon starts are tried again that found no stack. */
#define STACK_RETRY_MS 10

enum fiber_waiting {
	WAIT_NONE,    /* runs or is ready to */
	WAIT_PARK,    /* for a wake */
	WAIT_EVENT,   /* for a descriptor */
	WAIT_JOIN,    /* for the end of another */
	WAIT_SLEEP,   /* for the deadline */
	WAIT_OFFLOAD, /* for the pool: nothing else ends this one */
};

enum fiber_cancelled { CANCEL_NONE, CANCEL_PENDING, CANCEL_TOLD };

struct fiber_joiner;

struct fiber {
	struct list link; /* among the ready, or the spare */
	struct worker *worker;
	struct stack *stack; /* NULL before it has run */
	struct fiber_context context;
	struct sanitize_stack sanitize;
	struct timer timer;
	fiber_id id;
	const char *name;
	const char *waits_for;
	int64_t grace_end; /* no wait goes beyond it */
	fiber_id joining;
	struct fiber_joiner *joiners;
	fiber_fn fn; /* NULL: a step */
	watch_fn step;
	void *arg;
	int result; /* of the wait that is over */
	enum fiber_waiting waiting;
	enum fiber_cancelled cancelled;
	enum watch_reason why;
	bool token;
	bool joined;
	bool ended;
};

enum message_kind {
	MESSAGE_START,
	MESSAGE_WAKE,
	MESSAGE_CANCEL,
	MESSAGE_JOIN,   /* tell `other` when `id` has ended */
	MESSAGE_JOINED, /* `id` waited for `other`, which has ended */
	MESSAGE_KICK,
	MESSAGE_STOP,
};

struct message {
	enum message_kind kind;
	uint64_t id;
	uint64_t other;
	const char *name;
	fiber_fn fn;
	void *arg;
};

struct runtime {
	struct worker *workers;
	int worker_count;
	atomic_int quiet_count;
	atomic_bool stopping;
	atomic_bool finished;
	_Atomic int64_t grace_end;
	_Atomic uint64_t tickets;
};

struct worker {
	struct runtime *runtime;
	int number;
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t doorbell;
	uv_timer_t alarm;
	int64_t alarm_at;

	struct fiber *running;
	struct fiber_context context; /* of the loop */
	struct sanitize_stack sanitize;
	struct list ready; /* fibers */
	struct list steps; /* watches */
	struct list spare; /* fiber structs for the next ones */
	struct slots fibers;
	struct slots watches;
	struct hash *tickets; /* id of a fiber that another thread started -> fiber */
	struct timers timers;
	struct stack_pool stacks;
	struct timer trim;
	struct timer retry;
	struct timer give_up;
	size_t live; /* fibers that have not ended */
	size_t spare_count;
	size_t offloads; /* not returned yet */
	bool starved;    /* a start found no stack */
	bool stopping;
	bool gave_up;

	struct {
		pthread_mutex_t lock;
		struct message *messages;
		size_t count;
		size_t capacity;
		bool is_quiet; /* counted in runtime->quiet_count */
	} inbox;
	struct message *taken; /* the array that the inbox does not use */
	size_t taken_capacity;
};

/* The worker that this thread is, or NULL. */
extern _Thread_local struct worker *worker_here;

int worker_create(struct worker *w, struct runtime *runtime, int number, size_t stack_bytes);
/* Once no thread uses the runtime any more: closes the loop, drops what was given up. */
void worker_destroy(struct worker *w);
/* Until the runtime has finished. */
void worker_run(struct worker *w);
/* Tries the starts that found no stack again soon. */
void worker_starved(struct worker *w);
/* Delivers at once on the own worker, else through the inbox. */
void worker_send(struct worker *w, const struct message *m);
/* The same for many to one other worker, with one ring of its doorbell. */
void worker_send_wakes(struct worker *w, const fiber_id *ids, size_t count);
/* [any thread] The runtime that the calling thread can use, or NULL. Put it back at the end. */
struct runtime *runtime_get(void);
void runtime_put(void);

/* --- fiber.c ------------------------------------------------------------------------- */

struct fiber *fiber_new(struct worker *w, fiber_id ticket, const char *name);
/* False if there was no stack for it: it stays ready. */
bool fiber_run(struct fiber *f);
/* Ends a wait with a result. */
void fiber_ready(struct fiber *f, int result);
/* Waits until fiber_ready(), the deadline or a cancellation. */
int fiber_wait(struct fiber *f, enum fiber_waiting kind, const char *why, int64_t deadline);
/* Waits until fiber_ready(), and for nothing else. */
void fiber_wait_offload(struct fiber *f);
void fiber_deliver(struct worker *w, const struct message *m);
/* For one that was given up. */
void fiber_drop(struct fiber *f);

/* --- fiber_watch.c ------------------------------------------------------------------- */

void watch_run(struct list *link);
void watch_kicked(struct worker *w, watch_id id);
void watch_stop_all(struct worker *w);
void watch_drop_all(struct worker *w);

/* --- fiber_overflow.c ---------------------------------------------------------------- */

/* Names the fiber that has used up its stack on standard error before the process dies of it. */
void overflow_watch_process(void);
void overflow_unwatch_process(void);
/* The thread needs a stack of its own for the report. */
void *overflow_watch_thread(void);
void overflow_unwatch_thread(void *token);

#endif
