/* Deadlines of one worker: a heap of which one loop timer serves the first.
 *
 * Nearly every deadline is moved further or dropped before it passes, so both cost a store: the
 * heap keeps the earlier key, and looks at the deadline when the key's time has come. */
#ifndef VEREDUS_FIBER_FIBER_TIMER_H
#define VEREDUS_FIBER_FIBER_TIMER_H

#include <stdint.h>

#include "base/clock.h"

struct timer {
	int64_t deadline; /* DEADLINE_NEVER: not wanted */
	void (*fire)(struct timer *timer);
	uint32_t place; /* in the heap, from 1; 0: not there */
};

struct timer_entry {
	int64_t key; /* <= timer->deadline */
	struct timer *timer;
};

struct timers {
	struct timer_entry *at; /* places 1 to count */
	uint32_t count;
	uint32_t capacity;
};

static inline struct timer timer_make(void (*fire)(struct timer *timer))
{
	return (struct timer){ .deadline = DEADLINE_NEVER, .fire = fire };
}

void timer_set(struct timers *timers, struct timer *timer, int64_t deadline);

static inline void timer_clear(struct timer *timer) { timer->deadline = DEADLINE_NEVER; }

/* Takes it out for good; needed before its memory is freed. */
void timer_remove(struct timers *timers, struct timer *timer);
/* Fires those whose deadline has passed; firing may set and remove timers. */
void timers_run(struct timers *timers, int64_t now_ms);
/* When timers_run() should be called next. */
int64_t timers_next(const struct timers *timers);
void timers_destroy(struct timers *timers);

#endif
