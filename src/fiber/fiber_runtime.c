#include "fiber/fiber_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define OFFLOAD_THREADS 8

/* The runtime of this process. Its own workers use it without the gate, for it outlives them;
 * other threads hold the gate while they send a message, so that it can't end under them. */
static struct runtime *the_runtime;
static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;

struct runtime *runtime_get(void)
{
	if (worker_here)
		return worker_here->runtime;
	pthread_rwlock_rdlock(&gate);
	return the_runtime;
}

void runtime_put(void)
{
	if (!worker_here)
		pthread_rwlock_unlock(&gate);
}

static bool runtime_publish(struct runtime *runtime)
{
	pthread_rwlock_wrlock(&gate);
	bool free_place = !the_runtime;
	if (free_place)
		the_runtime = runtime;
	pthread_rwlock_unlock(&gate);
	return free_place;
}

static void runtime_withdraw(void)
{
	pthread_rwlock_wrlock(&gate);
	the_runtime = NULL;
	pthread_rwlock_unlock(&gate);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	char name[16];
	snprintf(name, sizeof(name), "worker-%d", w->number);
	pthread_setname_np(pthread_self(), name);
	worker_run(w);
	return NULL;
}

/* Signals go to the first worker's thread, which the program set up for them. */
static int worker_spawn(struct worker *w)
{
	sigset_t all, before;
	sigfillset(&all);
	/* What a thread does itself is its own: blocked, these would end the process unseen. */
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int status = pthread_create(&w->thread, NULL, worker_thread, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -status;
}

static void workers_close(struct runtime *runtime, int created)
{
	for (int i = 0; i < created; i++)
		worker_destroy(&runtime->workers[i]);
}

static void workers_join(struct runtime *runtime, int spawned)
{
	for (int i = 1; i < spawned; i++)
		pthread_join(runtime->workers[i].thread, NULL);
}

static int workers_open(struct runtime *runtime, size_t stack_bytes)
{
	for (int i = 0; i < runtime->worker_count; i++) {
		int status = worker_create(&runtime->workers[i], runtime, i, stack_bytes);
		if (status < 0) {
			workers_close(runtime, i);
			return status;
		}
	}
	return 0;
}

static int workers_spawn(struct runtime *runtime)
{
	for (int i = 1; i < runtime->worker_count; i++) {
		int status = worker_spawn(&runtime->workers[i]);
		if (status == 0)
			continue;
		atomic_store(&runtime->finished, true);
		for (int k = 1; k < i; k++)
			uv_async_send(&runtime->workers[k].doorbell);
		workers_join(runtime, i);
		return status;
	}
	return 0;
}

static int runtime_go(struct runtime *runtime, size_t stack_bytes, fiber_fn first, void *arg)
{
	int status = workers_open(runtime, stack_bytes);
	if (status < 0)
		return status;
	status = runtime_publish(runtime) ? workers_spawn(runtime) : -EBUSY;
	if (status == 0) {
		struct message m = { .kind = MESSAGE_START, .name = "first", .fn = first };
		m.arg = arg;
		m.id = id_from_ticket(0, atomic_fetch_add(&runtime->tickets, 1));
		worker_send(&runtime->workers[0], &m);
		worker_run(&runtime->workers[0]);
		workers_join(runtime, runtime->worker_count);
	}
	if (status != -EBUSY)
		runtime_withdraw();
	workers_close(runtime, runtime->worker_count);
	return status;
}

/* libuv reads the size of its pool from the environment, when it is first used. */
static void offload_setup(int threads)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", threads > 0 ? threads : OFFLOAD_THREADS);
	setenv("UV_THREADPOOL_SIZE", text, threads > 0);
}

int runtime_run(const struct runtime_config *config, fiber_fn first, void *arg)
{
	int count = config->workers > 0 ? config->workers : (int)uv_available_parallelism();
	struct runtime runtime = { .worker_count = count < WORKERS_MAX ? count : WORKERS_MAX };
	runtime.grace_end = DEADLINE_NEVER;
	runtime.workers = mem_zero((size_t)runtime.worker_count, sizeof(struct worker));
	offload_setup(config->offload_threads);
	signal(SIGPIPE, SIG_IGN);
	overflow_watch_process();
	int status = runtime_go(&runtime, config->stack_bytes, first, arg);
	overflow_unwatch_process();
	free(runtime.workers);
	return status;
}

void runtime_stop(int64_t grace_ms)
{
	struct runtime *runtime = runtime_get();
	if (runtime) {
		int64_t end = clock_monotonic_ms() + (grace_ms > 0 ? grace_ms : 0);
		int64_t before = atomic_load(&runtime->grace_end);
		while (end < before &&
		       !atomic_compare_exchange_weak(&runtime->grace_end, &before, end))
			;
		atomic_store(&runtime->stopping, true);
		for (int i = 0; i < runtime->worker_count; i++)
			worker_send(&runtime->workers[i],
			            &(struct message){ .kind = MESSAGE_STOP });
	}
	runtime_put();
}

bool runtime_stopping(void)
{
	struct runtime *runtime = runtime_get();
	bool stopping = runtime && atomic_load_explicit(&runtime->stopping, memory_order_relaxed);
	runtime_put();
	return stopping;
}

int runtime_workers(void)
{
	struct runtime *runtime = runtime_get();
	int count = runtime ? runtime->worker_count : 0;
	runtime_put();
	return count;
}

int runtime_worker(void) { return worker_here ? worker_here->number : -1; }
