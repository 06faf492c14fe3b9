/* Time. Deadlines are monotonic milliseconds; dates are wall-clock milliseconds since 1970 UTC. */
#ifndef VEREDUS_BASE_CLOCK_H
#define VEREDUS_BASE_CLOCK_H

#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

/* Monotonic milliseconds since some point in the past. */
int64_t clock_monotonic_ms(void);
/* The same, but it also runs while the machine sleeps. */
int64_t clock_uptime_ms(void);
/* Monotonic nanoseconds, for measuring. */
int64_t clock_monotonic_ns(void);
/* Milliseconds since 1970-01-01 00:00 UTC, offset by clock_shift_wall(). */
int64_t clock_wall_ms(void);
/* For tests. Sets the wall clock of this process forward or back, as a person or NTP does. */
void clock_shift_wall(int64_t by_ms);
/* For tests. Lets time pass for the wall clock and for who watches it; deadlines stay. */
void clock_let_pass(int64_t ms);

/* Watches whether the wall clock runs as evenly as time passes. It does not when it is set, when
 * the machine slept, or when a board without a battery learns the date after it has booted.
 * Nothing should be thrown away by a date before the clock has run evenly for a while. Zeroed, it
 * begins with the first look. */
struct clock_watch {
	int64_t wall_ms, passed_ms; /* at the last look */
	int64_t even_since_ms;
};
#define CLOCK_STEP_MS (5 * 60 * 1000LL) /* a smaller one is none */

/* By how much it was set since the last look: 0, or at least CLOCK_STEP_MS forward, or as much
 * back (negative). */
int64_t clock_watch_look(struct clock_watch *w);
/* For how long it ran evenly, as of the last look. */
int64_t clock_watch_even_ms(const struct clock_watch *w);

/* The deadline that lies ms milliseconds ahead; a negative ms means never. */
static inline int64_t deadline_in(int64_t ms)
{
	return ms < 0 ? DEADLINE_NEVER : clock_monotonic_ms() + ms;
}

#endif
