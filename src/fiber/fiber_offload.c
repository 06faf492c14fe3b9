#include "fiber/fiber_worker.h"

#include <signal.h>
#include <stdlib.h>

/* Lies on the stack of the fiber that waits: nothing but the end of the work ends its wait. */
struct offload {
	uv_work_t request;
	struct fiber *fiber;
	void (*fn)(void *arg);
	void *arg;
};

/* libuv's threads block all signals, and one that is blocked can't be mended (mapping.h). */
static void unblock_faults(void)
{
	sigset_t faults;
	sigemptyset(&faults);
	sigaddset(&faults, SIGBUS);
	sigaddset(&faults, SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
}

static void on_pool_thread(uv_work_t *request)
{
	struct offload *o = request->data;
	unblock_faults();
	o->fn(o->arg);
}

static void on_worker(uv_work_t *request, int status)
{
	struct offload *o = request->data;
	(void)status;
	o->fiber->worker->offloads--;
	fiber_ready(o->fiber, 0);
}

void fiber_offload(void (*fn)(void *arg), void *arg)
{
	struct worker *w = worker_here;
	if (!w || !w->running) {
		fn(arg);
		return;
	}
	struct offload o = { .fiber = w->running, .fn = fn, .arg = arg };
	o.request.data = &o;
	/* Fails only without a function to call. */
	if (uv_queue_work(&w->loop, &o.request, on_pool_thread, on_worker) != 0)
		abort();
	w->offloads++;
	fiber_wait_offload(o.fiber);
}
