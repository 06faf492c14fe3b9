/* Time. Deadlines are monotonic milliseconds; dates are wall-clock milliseconds since 1970 UTC. */
#ifndef VEREDUS_BASE_CLOCK_H
#define VEREDUS_BASE_CLOCK_H

#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

/* Monotonic milliseconds since some point in the past. */
int64_t clock_monotonic_ms(void);
/* Monotonic nanoseconds, for measuring. */
int64_t clock_monotonic_ns(void);
/* Milliseconds since 1970-01-01 00:00 UTC, offset by clock_shift_wall(). */
int64_t clock_wall_ms(void);
/* Moves the wall clock of this process, so that a test can let days pass. */
void clock_shift_wall(int64_t by_ms);

/* The deadline that lies ms milliseconds ahead; a negative ms means never. */
static inline int64_t deadline_in(int64_t ms)
{
	return ms < 0 ? DEADLINE_NEVER : clock_monotonic_ms() + ms;
}

#endif
