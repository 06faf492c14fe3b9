/* A watch stays registered for input while its session works on a command, because to stop and
 * to start it costs two system calls: only when input does come while nobody wants it is it
 * stopped, until somebody does. The descriptor is watched by level, so nothing is lost. */
#include "fiber/fiber_worker.h"

#include <errno.h>
#include <stdlib.h>

struct watch {
	uv_poll_t poll;
	struct list link; /* in worker->steps when a step is due */
	struct worker *worker;
	struct fiber *waiter;
	struct timer timer;
	watch_id id;
	const char *name;
	watch_fn fn;
	void *arg;
	enum watch_reason why;
	unsigned char armed; /* what the loop waits for: FIBER_READ, FIBER_WRITE */
	bool idle;
	bool due; /* a step is in worker->steps */
	bool kicked;
	bool told_stop;
};

/* --- the loop's side ------------------------------------------------------------------ */

static void watch_due(struct watch *w, enum watch_reason why)
{
	w->idle = false;
	w->due = true;
	w->why = why;
	timer_clear(&w->timer);
	list_append(&w->worker->steps, &w->link);
}

static void watch_disarm(struct watch *w)
{
	if (w->armed)
		uv_poll_stop(&w->poll);
	w->armed = 0;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct watch *w = LIST_ENTRY(poll, struct watch, poll);
	(void)events;
	/* libuv has stopped it when the descriptor has failed; reading will tell why. */
	if (status < 0)
		w->armed = 0;
	if (w->idle) {
		watch_due(w, WATCH_READY);
	} else if (w->waiter) {
		/* Its deadline may have made it ready in the same turn. */
		if (w->waiter->waiting == WAIT_EVENT)
			fiber_ready(w->waiter, 0);
	} else if (!w->due) {
		watch_disarm(w);
	}
}

static int watch_arm(struct watch *w, int events)
{
	if (w->armed == events)
		return 0;
	int wanted = (events & FIBER_READ ? UV_READABLE : 0) |
	             (events & FIBER_WRITE ? UV_WRITABLE : 0);
	int status = uv_poll_start(&w->poll, wanted, on_event);
	w->armed = status == 0 ? (unsigned char)events : 0;
	return status;
}

static void on_idle_deadline(struct timer *timer)
{
	struct watch *w = LIST_ENTRY(timer, struct watch, timer);
	if (w->idle)
		watch_due(w, WATCH_DEADLINE);
}

void watch_run(struct list *link)
{
	struct watch *w = LIST_ENTRY(link, struct watch, link);
	struct fiber *f = fiber_new(w->worker, 0, w->name);
	if (f) {
		f->step = w->fn;
		f->arg = w->arg;
		f->why = w->why;
		if (f->why == WATCH_KICK)
			w->kicked = false;
		if (f->why == WATCH_STOP)
			w->told_stop = true;
		w->due = false;
	}
	/* Out of slots it waits its turn again; out of stacks the fiber does. */
	if (!f)
		list_append(&w->worker->steps, &w->link);
	else if (!fiber_run(f))
		worker_starved(w->worker);
}

/* --- the session's side --------------------------------------------------------------- */

struct watch *watch_new(int fd)
{
	if (!worker_here)
		return NULL;
	struct watch *w = mem_zero(1, sizeof(*w));
	w->worker = worker_here;
	w->timer = timer_make(on_idle_deadline);
	list_init(&w->link);
	if (uv_poll_init(&w->worker->loop, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->id = slot_take(&w->worker->watches, w);
	if (w->id == 0) {
		watch_free(w);
		return NULL;
	}
	return w;
}

static void on_closed(uv_handle_t *handle) { free(LIST_ENTRY(handle, struct watch, poll)); }

void watch_free(struct watch *w)
{
	if (!w)
		return;
	list_remove(&w->link);
	timer_remove(&w->worker->timers, &w->timer);
	slot_release(&w->worker->watches, w->id);
	uv_close((uv_handle_t *)&w->poll, on_closed);
}

watch_id watch_name(const struct watch *w) { return w->id; }

int watch_wait(struct watch *w, int events, int64_t deadline)
{
	struct fiber *f = w->worker->running;
	int status = watch_arm(w, events);
	if (status < 0)
		return status;
	w->waiter = f;
	status = fiber_wait(f, WAIT_EVENT, "fd", deadline);
	w->waiter = NULL;
	return status;
}

void watch_idle(struct watch *w, const char *name, watch_fn fn, void *arg, int64_t deadline)
{
	w->name = name;
	w->fn = fn;
	w->arg = arg;
	if (w->worker->stopping && !w->told_stop) {
		watch_due(w, WATCH_STOP);
	} else if (w->kicked) {
		watch_due(w, WATCH_KICK);
	} else if (watch_arm(w, FIBER_READ) < 0) {
		watch_due(w, WATCH_READY);
	} else {
		w->idle = true;
		timer_set(&w->worker->timers, &w->timer, deadline);
	}
}

int fiber_wait_fd(int fd, int events, int64_t deadline)
{
	struct watch *w = watch_new(fd);
	if (!w)
		return -EBADF;
	int status = watch_wait(w, events, deadline);
	watch_free(w);
	return status;
}

/* --- the worker's side ---------------------------------------------------------------- */

void watch_kicked(struct worker *worker, watch_id id)
{
	struct watch *w = slot_find(&worker->watches, id);
	if (!w)
		return;
	w->kicked = true;
	if (w->idle)
		watch_due(w, WATCH_KICK);
}

void watch_stop_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->watches.count; i++) {
		struct watch *w = worker->watches.at[i].object;
		if (w && w->idle && !w->told_stop)
			watch_due(w, WATCH_STOP);
	}
}

void watch_drop_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->watches.count; i++)
		watch_free(worker->watches.at[i].object);
}
