#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static _Atomic int64_t wall_shift_ms;
static _Atomic int64_t let_pass_ms;

static int64_t clock_ns(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_monotonic_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000; }

int64_t clock_uptime_ms(void) { return clock_ns(CLOCK_BOOTTIME) / 1000000; }

int64_t clock_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static int64_t wall_ms(int64_t let_pass)
{
	return clock_ns(CLOCK_REALTIME) / 1000000 + let_pass +
	       atomic_load_explicit(&wall_shift_ms, memory_order_relaxed);
}

int64_t clock_wall_ms(void)
{
	return wall_ms(atomic_load_explicit(&let_pass_ms, memory_order_relaxed));
}

void clock_shift_wall(int64_t by_ms) { atomic_fetch_add(&wall_shift_ms, by_ms); }

void clock_let_pass(int64_t ms) { atomic_fetch_add(&let_pass_ms, ms); }

int64_t clock_watch_look(struct clock_watch *w)
{
	int64_t let_pass = atomic_load(&let_pass_ms);
	int64_t now_ms = wall_ms(let_pass);
	int64_t passed_ms = clock_monotonic_ms() + let_pass;
	int64_t step_ms = (now_ms - w->wall_ms) - (passed_ms - w->passed_ms);
	bool begins = w->wall_ms == 0;
	bool even = step_ms < CLOCK_STEP_MS && step_ms > -CLOCK_STEP_MS;
	w->wall_ms = now_ms;
	w->passed_ms = passed_ms;
	if (begins || !even)
		w->even_since_ms = passed_ms;
	return begins || even ? 0 : step_ms;
}

int64_t clock_watch_even_ms(const struct clock_watch *w) { return w->passed_ms - w->even_since_ms; }
