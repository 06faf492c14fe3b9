#include "fiber/fiber_worker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"

_Thread_local struct worker *worker_here;

/* --- the loop's side ------------------------------------------------------------------ */

/* Only there to interrupt the wait: each turn takes the messages in anyway. */
static void on_doorbell(uv_async_t *doorbell) { (void)doorbell; }

static void on_alarm(uv_timer_t *alarm)
{
	struct worker *w = alarm->data;
	w->alarm_at = DEADLINE_NEVER;
	/* Timers run before the wait too, and what is due now must not wait for an event. */
	uv_stop(&w->loop);
}

static void alarm_set(struct worker *w)
{
	int64_t next = timers_next(&w->timers);
	if (next == w->alarm_at)
		return;
	w->alarm_at = next;
	if (next == DEADLINE_NEVER) {
		uv_timer_stop(&w->alarm);
		return;
	}
	int64_t now = (int64_t)uv_now(&w->loop);
	uv_timer_start(&w->alarm, on_alarm, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void on_trim(struct timer *timer)
{
	struct worker *w = LIST_ENTRY(timer, struct worker, trim);
	if (stack_trim(&w->stacks))
		timer_set(&w->timers, &w->trim, deadline_in(STACK_TRIM_MS));
}

static void on_retry(struct timer *timer)
{
	struct worker *w = LIST_ENTRY(timer, struct worker, retry);
	w->starved = false;
}

static void on_give_up(struct timer *timer)
{
	struct worker *w = LIST_ENTRY(timer, struct worker, give_up);
	w->gave_up = true;
}

int worker_create(struct worker *w, struct runtime *runtime, int number, size_t stack_bytes)
{
	*w = (struct worker){ .runtime = runtime, .number = number, .alarm_at = DEADLINE_NEVER };
	int status = uv_loop_init(&w->loop);
	if (status < 0)
		return status;
	status = uv_async_init(&w->loop, &w->doorbell, on_doorbell);
	if (status < 0) {
		uv_loop_close(&w->loop);
		return status;
	}
	uv_timer_init(&w->loop, &w->alarm);
	w->alarm.data = w;
	pthread_mutex_init(&w->inbox.lock, NULL);
	list_init(&w->ready);
	list_init(&w->steps);
	list_init(&w->spare);
	w->fibers.worker = w->watches.worker = (unsigned)number;
	w->tickets = hash_new();
	stack_pool_create(&w->stacks, stack_bytes);
	w->trim = timer_make(on_trim);
	w->retry = timer_make(on_retry);
	w->give_up = timer_make(on_give_up);
	return 0;
}

static void fibers_drop(struct worker *w)
{
	if (w->live > 0)
		log_warn("runtime.fibers_given_up", kv_int("worker", w->number),
		         kv_int("count", (int64_t)w->live));
	for (uint32_t i = 0; i < w->fibers.count; i++) {
		if (w->fibers.at[i].object)
			fiber_drop(w->fibers.at[i].object);
	}
	size_t position = 0;
	struct slice key;
	void *f;
	while (hash_next(w->tickets, &position, &key, &f))
		fiber_drop(f);
	LIST_EACH (&w->spare, link, following) {
		list_remove(link);
		free(LIST_ENTRY(link, struct fiber, link));
	}
}

void worker_destroy(struct worker *w)
{
	/* A function in the pool may use the stack of the fiber that waits for it. */
	while (w->offloads > 0)
		uv_run(&w->loop, UV_RUN_ONCE);
	watch_drop_all(w);
	uv_close((uv_handle_t *)&w->doorbell, NULL);
	uv_close((uv_handle_t *)&w->alarm, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_loop_close(&w->loop);
	fibers_drop(w);
	stack_pool_destroy(&w->stacks);
	slots_destroy(&w->fibers);
	slots_destroy(&w->watches);
	timers_destroy(&w->timers);
	hash_free(w->tickets);
	pthread_mutex_destroy(&w->inbox.lock);
	free(w->inbox.messages);
	free(w->taken);
}

/* --- messages ------------------------------------------------------------------------- */

/* Under the lock. True if the doorbell must be rung: it has been for what came before. */
static bool inbox_add(struct worker *w, const struct message *m)
{
	if (w->inbox.count == w->inbox.capacity) {
		w->inbox.capacity = w->inbox.capacity > 0 ? w->inbox.capacity * 2 : 16;
		w->inbox.messages = mem_grow(w->inbox.messages,
		                             w->inbox.capacity * sizeof(struct message));
	}
	w->inbox.messages[w->inbox.count++] = *m;
	if (w->inbox.is_quiet) {
		w->inbox.is_quiet = false;
		atomic_fetch_sub(&w->runtime->quiet_count, 1);
	}
	return w->inbox.count == 1;
}

void worker_send(struct worker *w, const struct message *m)
{
	if (w == worker_here) {
		fiber_deliver(w, m);
		return;
	}
	pthread_mutex_lock(&w->inbox.lock);
	bool ring = inbox_add(w, m);
	pthread_mutex_unlock(&w->inbox.lock);
	if (ring)
		uv_async_send(&w->doorbell);
}

void worker_send_wakes(struct worker *w, const fiber_id *ids, size_t count)
{
	bool ring = false;
	pthread_mutex_lock(&w->inbox.lock);
	for (size_t i = 0; i < count; i++) {
		if (ids[i] == 0 || id_worker(ids[i]) != (unsigned)w->number)
			continue;
		if (inbox_add(w, &(struct message){ .kind = MESSAGE_WAKE, .id = ids[i] }))
			ring = true;
	}
	pthread_mutex_unlock(&w->inbox.lock);
	if (ring)
		uv_async_send(&w->doorbell);
}

static void inbox_take(struct worker *w)
{
	pthread_mutex_lock(&w->inbox.lock);
	struct message *messages = w->inbox.messages;
	size_t count = w->inbox.count, capacity = w->inbox.capacity;
	if (count > 0) {
		w->inbox.messages = w->taken;
		w->inbox.capacity = w->taken_capacity;
		w->inbox.count = 0;
		w->taken = messages;
		w->taken_capacity = capacity;
	}
	pthread_mutex_unlock(&w->inbox.lock);
	for (size_t i = 0; i < count; i++)
		fiber_deliver(w, &messages[i]);
}

/* --- the turn ------------------------------------------------------------------------- */

/* Moves all members of a list to an empty one: what becomes ready meanwhile waits a turn. */
static void list_take_all(struct list *from, struct list *to)
{
	list_init(to);
	if (list_is_empty(from))
		return;
	to->next = from->next;
	to->prev = from->prev;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

static void list_put_back(struct list *rest, struct list *head)
{
	while (!list_is_empty(rest)) {
		struct list *link = rest->prev;
		list_remove(link);
		list_insert_before(head->next, link);
	}
}

void worker_starved(struct worker *w)
{
	if (!w->starved)
		log_error("runtime.no_stack", kv_int("fibers", (int64_t)w->live));
	w->starved = true;
	timer_set(&w->timers, &w->retry, deadline_in(STACK_RETRY_MS));
}

static void run_ready(struct worker *w)
{
	struct list now;
	list_take_all(&w->ready, &now);
	while (!list_is_empty(&now)) {
		struct fiber *f = LIST_ENTRY(now.next, struct fiber, link);
		list_remove(&f->link);
		if (!fiber_run(f))
			worker_starved(w);
	}
	list_take_all(&w->steps, &now);
	while (!list_is_empty(&now) && !w->starved) {
		struct list *link = now.next;
		list_remove(link);
		watch_run(link);
	}
	list_put_back(&now, &w->steps);
}

static void finish(struct runtime *runtime)
{
	atomic_store(&runtime->finished, true);
	for (int i = 0; i < runtime->worker_count; i++)
		uv_async_send(&runtime->workers[i].doorbell);
}

/* The runtime has finished when every worker is quiet at the same time. A worker that sends a
 * message is not quiet, and takes the one it sends to out of the count. */
static void quiet_update(struct worker *w)
{
	struct runtime *runtime = w->runtime;
	bool last = false;
	pthread_mutex_lock(&w->inbox.lock);
	bool quiet = w->live == 0 && list_is_empty(&w->steps) && w->inbox.count == 0;
	if (quiet != w->inbox.is_quiet) {
		w->inbox.is_quiet = quiet;
		int before = atomic_fetch_add(&runtime->quiet_count, quiet ? 1 : -1);
		last = quiet && before + 1 == runtime->worker_count;
	}
	pthread_mutex_unlock(&w->inbox.lock);
	if (last)
		finish(runtime);
}

static bool is_busy(const struct worker *w)
{
	return (!list_is_empty(&w->ready) || !list_is_empty(&w->steps)) && !w->starved;
}

void worker_run(struct worker *w)
{
	worker_here = w;
	sanitize_thread(&w->sanitize);
	void *overflow = overflow_watch_thread();
	while (!atomic_load_explicit(&w->runtime->finished, memory_order_acquire) && !w->gave_up) {
		inbox_take(w);
		if (w->timers.count > 0 && timers_next(&w->timers) <= (int64_t)uv_now(&w->loop))
			timers_run(&w->timers, clock_monotonic_ms());
		run_ready(w);
		if (w->stopping)
			quiet_update(w);
		alarm_set(w);
		uv_run(&w->loop, is_busy(w) ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	}
	overflow_unwatch_thread(overflow);
	worker_here = NULL;
}
