#include "fiber/fiber_worker.h"

#include <errno.h>
#include <stdlib.h>

#define SPARE_MAX 256

struct fiber_joiner {
	struct fiber_joiner *next;
	fiber_id id;
};

/* --- life ----------------------------------------------------------------------------- */

static void on_deadline(struct timer *timer)
{
	struct fiber *f = LIST_ENTRY(timer, struct fiber, timer);
	if (f->waiting != WAIT_NONE && f->waiting != WAIT_OFFLOAD)
		fiber_ready(f, f->grace_end <= clock_monotonic_ms() ? -ECANCELED : -ETIMEDOUT);
}

static struct slice ticket_key(const fiber_id *id) { return slice_of(id, sizeof(*id)); }

static struct fiber *fiber_allocate(struct worker *w)
{
	struct fiber *f = LIST_FIRST(&w->spare, struct fiber, link);
	if (f) {
		list_remove(&f->link);
		w->spare_count--;
		return f;
	}
	f = mem_zero(1, sizeof(*f));
	f->timer = timer_make(on_deadline);
	f->worker = w;
	return f;
}

struct fiber *fiber_new(struct worker *w, fiber_id ticket, const char *name)
{
	struct fiber *f = fiber_allocate(w);
	f->id = ticket ? ticket : slot_take(&w->fibers, f);
	if (f->id == 0) {
		timer_remove(&w->timers, &f->timer);
		free(f);
		return NULL;
	}
	if (ticket)
		hash_put(w->tickets, ticket_key(&f->id), f);
	f->name = name;
	f->waits_for = "ready";
	f->stack = NULL;
	f->fn = NULL;
	f->joiners = NULL;
	f->joining = 0;
	f->waiting = WAIT_NONE;
	f->cancelled = CANCEL_NONE;
	f->grace_end = atomic_load_explicit(&w->runtime->grace_end, memory_order_relaxed);
	f->token = f->joined = f->ended = false;
	w->live++;
	return f;
}

static struct fiber *fiber_find(struct worker *w, fiber_id id)
{
	return id_is_ticket(id) ? hash_find(w->tickets, ticket_key(&id))
	                        : slot_find(&w->fibers, id);
}

static void fiber_forget(struct fiber *f)
{
	if (id_is_ticket(f->id))
		hash_remove(f->worker->tickets, ticket_key(&f->id));
	else
		slot_release(&f->worker->fibers, f->id);
}

static void joiners_tell(struct fiber *f)
{
	while (f->joiners) {
		struct fiber_joiner *joiner = f->joiners;
		struct message m = {
			.kind = MESSAGE_JOINED,
			.id = joiner->id,
			.other = f->id,
		};
		f->joiners = joiner->next;
		worker_send(&f->worker->runtime->workers[id_worker(joiner->id)], &m);
		free(joiner);
	}
}

static void fiber_free(struct fiber *f)
{
	struct worker *w = f->worker;
	sanitize_end(&f->sanitize);
	stack_give(&w->stacks, f->stack);
	if (w->stacks.warm_count > STACK_POOL_KEEP && w->trim.deadline == DEADLINE_NEVER)
		timer_set(&w->timers, &w->trim, deadline_in(STACK_TRIM_MS));
	fiber_forget(f);
	joiners_tell(f);
	w->live--;
	if (w->spare_count < SPARE_MAX) {
		list_insert_before(w->spare.next, &f->link);
		w->spare_count++;
		return;
	}
	timer_remove(&w->timers, &f->timer);
	free(f);
}

void fiber_drop(struct fiber *f)
{
	while (f->joiners) {
		struct fiber_joiner *joiner = f->joiners;
		f->joiners = joiner->next;
		free(joiner);
	}
	if (f->stack)
		sanitize_end(&f->sanitize);
	free(f);
}

/* --- switching ------------------------------------------------------------------------ */

static void fiber_leave(struct fiber *f)
{
	struct worker *w = f->worker;
	int saved_errno = errno;
	sanitize_switch(&f->sanitize, &w->sanitize, f->ended);
	fiber_context_switch(&f->context, &w->context);
	sanitize_switched(&f->sanitize, &w->sanitize);
	errno = saved_errno;
}

static void fiber_main(void *arg)
{
	struct fiber *f = arg;
	sanitize_switched(&f->sanitize, &f->worker->sanitize);
	if (f->fn)
		f->fn(f->arg);
	else
		f->step(f->arg, f->why);
	f->ended = true;
	fiber_leave(f);
	abort();
}

static bool fiber_prepare(struct fiber *f)
{
	f->stack = stack_take(&f->worker->stacks);
	if (!f->stack)
		return false;
	sanitize_begin(&f->sanitize, f->stack->low, f->stack->size);
	fiber_context_make(&f->context, f->stack->low, f->stack->size, fiber_main, f);
	return true;
}

bool fiber_run(struct fiber *f)
{
	struct worker *w = f->worker;
	if (!f->stack && !fiber_prepare(f)) {
		list_append(&w->ready, &f->link);
		return false;
	}
	w->running = f;
	f->waits_for = "running";
	sanitize_switch(&w->sanitize, &f->sanitize, 0);
	fiber_context_switch(&w->context, &f->context);
	sanitize_switched(&w->sanitize, NULL);
	w->running = NULL;
	if (f->ended)
		fiber_free(f);
	return true;
}

void fiber_ready(struct fiber *f, int result)
{
	f->waiting = WAIT_NONE;
	f->waits_for = "ready";
	f->result = result;
	list_append(&f->worker->ready, &f->link);
}

int fiber_wait(struct fiber *f, enum fiber_waiting kind, const char *why, int64_t deadline)
{
	if (f->cancelled == CANCEL_PENDING) {
		f->cancelled = CANCEL_TOLD;
		return -ECANCELED;
	}
	int64_t limit = deadline < f->grace_end ? deadline : f->grace_end;
	f->waiting = kind;
	f->waits_for = why;
	timer_set(&f->worker->timers, &f->timer, limit);
	fiber_leave(f);
	timer_clear(&f->timer);
	return f->result;
}

void fiber_wait_offload(struct fiber *f)
{
	f->waiting = WAIT_OFFLOAD;
	f->waits_for = "offload";
	fiber_leave(f);
}

/* --- messages ------------------------------------------------------------------------- */

static void fiber_wake_here(struct worker *w, fiber_id id)
{
	struct fiber *f = fiber_find(w, id);
	if (!f)
		return;
	if (f->waiting == WAIT_PARK)
		fiber_ready(f, 0);
	else
		f->token = true;
}

static void fiber_cancel_here(struct fiber *f, int64_t grace_end)
{
	if (grace_end < f->grace_end)
		f->grace_end = grace_end;
	bool interruptible = f->waiting != WAIT_NONE && f->waiting != WAIT_OFFLOAD;
	if (f->cancelled == CANCEL_NONE) {
		f->cancelled = interruptible ? CANCEL_TOLD : CANCEL_PENDING;
		if (interruptible)
			fiber_ready(f, -ECANCELED);
	} else if (interruptible && f->grace_end < f->timer.deadline) {
		timer_set(&f->worker->timers, &f->timer, f->grace_end);
	}
}

static void fiber_stop_all(struct worker *w)
{
	int64_t grace_end = atomic_load(&w->runtime->grace_end);
	w->stopping = true;
	timer_remove(&w->timers, &w->give_up);
	timer_set(&w->timers, &w->give_up, grace_end + FIBER_GIVE_UP_MS);
	for (uint32_t i = 0; i < w->fibers.count; i++) {
		if (w->fibers.at[i].object)
			fiber_cancel_here(w->fibers.at[i].object, grace_end);
	}
	size_t position = 0;
	struct slice key;
	void *f;
	while (hash_next(w->tickets, &position, &key, &f))
		fiber_cancel_here(f, grace_end);
	watch_stop_all(w);
}

static void fiber_start_here(struct worker *w, const struct message *m)
{
	struct fiber *f = fiber_new(w, m->id, m->name);
	if (!f)
		return;
	f->fn = m->fn;
	f->arg = m->arg;
	list_append(&w->ready, &f->link);
}

static void fiber_join_here(struct worker *w, fiber_id id, fiber_id joiner_id)
{
	struct fiber *f = fiber_find(w, id);
	if (!f) {
		struct message m = { .kind = MESSAGE_JOINED, .id = joiner_id, .other = id };
		worker_send(&w->runtime->workers[id_worker(joiner_id)], &m);
		return;
	}
	for (struct fiber_joiner *joiner = f->joiners; joiner; joiner = joiner->next) {
		if (joiner->id == joiner_id)
			return;
	}
	struct fiber_joiner *joiner = mem_alloc(sizeof(*joiner));
	*joiner = (struct fiber_joiner){ .next = f->joiners, .id = joiner_id };
	f->joiners = joiner;
}

static void fiber_joined_here(struct worker *w, fiber_id joiner_id, fiber_id ended)
{
	struct fiber *f = fiber_find(w, joiner_id);
	if (!f || f->joining != ended)
		return;
	f->joined = true;
	if (f->waiting == WAIT_JOIN)
		fiber_ready(f, 0);
}

void fiber_deliver(struct worker *w, const struct message *m)
{
	struct fiber *f;
	switch (m->kind) {
	case MESSAGE_START:
		fiber_start_here(w, m);
		break;
	case MESSAGE_WAKE:
		fiber_wake_here(w, m->id);
		break;
	case MESSAGE_CANCEL:
		f = fiber_find(w, m->id);
		if (f)
			fiber_cancel_here(f, deadline_in(FIBER_CANCEL_GRACE_MS));
		break;
	case MESSAGE_JOIN:
		fiber_join_here(w, m->id, m->other);
		break;
	case MESSAGE_JOINED:
		fiber_joined_here(w, m->id, m->other);
		break;
	case MESSAGE_KICK:
		watch_kicked(w, m->id);
		break;
	case MESSAGE_STOP:
		fiber_stop_all(w);
		break;
	}
}

/* --- what the rest calls -------------------------------------------------------------- */

static struct fiber *fiber_here(void) { return worker_here ? worker_here->running : NULL; }

/* For functions that only a fiber may call. */
static struct fiber *fiber_needed(void)
{
	struct fiber *f = fiber_here();
	if (!f)
		abort();
	return f;
}

fiber_id fiber_self(void)
{
	struct fiber *f = fiber_here();
	return f ? f->id : 0;
}

fiber_id fiber_start(int worker, const char *name, fiber_fn fn, void *arg)
{
	struct worker *here = worker_here;
	struct message m = { .kind = MESSAGE_START, .name = name, .fn = fn, .arg = arg };
	if (here && (worker < 0 || worker == here->number)) {
		struct fiber *f = fiber_new(here, 0, name);
		if (!f)
			return 0;
		f->fn = fn;
		f->arg = arg;
		list_append(&here->ready, &f->link);
		return f->id;
	}
	struct runtime *runtime = runtime_get();
	if (runtime && worker >= 0 && worker < runtime->worker_count) {
		m.id = id_from_ticket((unsigned)worker, atomic_fetch_add(&runtime->tickets, 1));
		worker_send(&runtime->workers[worker], &m);
	}
	runtime_put();
	return m.id;
}

int fiber_join(fiber_id id, int64_t deadline)
{
	struct fiber *f = fiber_needed();
	struct runtime *runtime = f->worker->runtime;
	struct message m = { .kind = MESSAGE_JOIN, .id = id, .other = f->id };
	if (id == 0 || id_worker(id) >= (unsigned)runtime->worker_count)
		return 0;
	if (id == f->id)
		return -EDEADLK;
	int status = 0;
	f->joining = id;
	f->joined = false;
	worker_send(&runtime->workers[id_worker(id)], &m);
	while (!f->joined && status == 0)
		status = fiber_wait(f, WAIT_JOIN, "join", deadline);
	f->joining = 0;
	return f->joined ? 0 : status;
}

static void send_to_fiber(fiber_id id, enum message_kind kind)
{
	struct message m = { .kind = kind, .id = id };
	if (id == 0)
		return;
	if (worker_here && id_worker(id) == (unsigned)worker_here->number) {
		fiber_deliver(worker_here, &m);
		return;
	}
	struct runtime *runtime = runtime_get();
	if (runtime && id_worker(id) < (unsigned)runtime->worker_count)
		worker_send(&runtime->workers[id_worker(id)], &m);
	runtime_put();
}

void fiber_cancel(fiber_id id) { send_to_fiber(id, MESSAGE_CANCEL); }

void fiber_wake(fiber_id id) { send_to_fiber(id, MESSAGE_WAKE); }

void watch_kick(watch_id id) { send_to_fiber(id, MESSAGE_KICK); }

void fiber_wake_all(const fiber_id *ids, size_t count)
{
	uint64_t wanted[WORKERS_MAX / 64] = { 0 };
	for (size_t i = 0; i < count; i++) {
		if (worker_here && id_worker(ids[i]) == (unsigned)worker_here->number)
			fiber_wake(ids[i]);
		else if (ids[i] != 0)
			wanted[id_worker(ids[i]) / 64] |= UINT64_C(1) << id_worker(ids[i]) % 64;
	}
	struct runtime *runtime = runtime_get();
	for (int i = 0; runtime && i < runtime->worker_count; i++) {
		if (wanted[i / 64] >> i % 64 & 1)
			worker_send_wakes(&runtime->workers[i], ids, count);
	}
	runtime_put();
}

int fiber_park(const char *why, int64_t deadline)
{
	struct fiber *f = fiber_needed();
	if (f->token && f->cancelled != CANCEL_PENDING) {
		f->token = false;
		return 0;
	}
	return fiber_wait(f, WAIT_PARK, why, deadline);
}

int fiber_sleep(int64_t deadline)
{
	int status = fiber_wait(fiber_needed(), WAIT_SLEEP, "sleep", deadline);
	return status == -ETIMEDOUT ? 0 : status;
}

void fiber_yield(void)
{
	struct fiber *f = fiber_needed();
	f->waits_for = "ready";
	list_append(&f->worker->ready, &f->link);
	fiber_leave(f);
}
