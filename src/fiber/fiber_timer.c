#include "fiber/fiber_timer.h"

#include <stdlib.h>

#include "base/arena.h"

static void heap_put(struct timers *timers, uint32_t place, struct timer_entry entry)
{
	timers->at[place] = entry;
	entry.timer->place = place;
}

static void heap_up(struct timers *timers, uint32_t place, struct timer_entry entry)
{
	for (; place > 1 && timers->at[place / 2].key > entry.key; place /= 2)
		heap_put(timers, place, timers->at[place / 2]);
	heap_put(timers, place, entry);
}

static void heap_down(struct timers *timers, uint32_t place, struct timer_entry entry)
{
	for (uint32_t child; (child = 2 * place) <= timers->count; place = child) {
		if (child < timers->count && timers->at[child + 1].key < timers->at[child].key)
			child++;
		if (timers->at[child].key >= entry.key)
			break;
		heap_put(timers, place, timers->at[child]);
	}
	heap_put(timers, place, entry);
}

void timer_set(struct timers *timers, struct timer *timer, int64_t deadline)
{
	timer->deadline = deadline;
	if (deadline == DEADLINE_NEVER)
		return;
	struct timer_entry entry = { .key = deadline, .timer = timer };
	if (timer->place > 0) {
		if (deadline < timers->at[timer->place].key)
			heap_up(timers, timer->place, entry);
		return;
	}
	if (timers->count + 1 >= timers->capacity) {
		timers->capacity = timers->capacity > 0 ? timers->capacity * 2 : 64;
		timers->at = mem_grow(timers->at, timers->capacity * sizeof(struct timer_entry));
	}
	heap_up(timers, ++timers->count, entry);
}

void timer_remove(struct timers *timers, struct timer *timer)
{
	uint32_t place = timer->place;
	timer->deadline = DEADLINE_NEVER;
	if (place == 0)
		return;
	timer->place = 0;
	struct timer_entry last = timers->at[timers->count--];
	if (last.timer == timer)
		return;
	if (place > 1 && timers->at[place / 2].key > last.key)
		heap_up(timers, place, last);
	else
		heap_down(timers, place, last);
}

void timers_run(struct timers *timers, int64_t now_ms)
{
	while (timers->count > 0 && timers->at[1].key <= now_ms) {
		struct timer *timer = timers->at[1].timer;
		if (timer->deadline == DEADLINE_NEVER) {
			timer_remove(timers, timer);
		} else if (timer->deadline > now_ms) {
			heap_down(timers, 1,
			          (struct timer_entry){ .key = timer->deadline, .timer = timer });
		} else {
			timer_remove(timers, timer);
			timer->fire(timer);
		}
	}
}

int64_t timers_next(const struct timers *timers)
{
	return timers->count > 0 ? timers->at[1].key : DEADLINE_NEVER;
}

void timers_destroy(struct timers *timers)
{
	free(timers->at);
	*timers = (struct timers){ 0 };
}
