/* When to try again. Pure. */
#ifndef VEREDUS_QUEUE_QUEUE_SCHEDULE_H
#define VEREDUS_QUEUE_QUEUE_SCHEDULE_H

#include <stdint.h>

struct queue_schedule {
	int64_t first_ms;  /* the pause after the first failure */
	int64_t max_ms;    /* the longest pause */
	int64_t expire_ms; /* how long a message is tried */
};

/* The pause after so many failures in a row (1: the first): doubled each time up to max_ms, then
 * moved by up to a tenth either way, so that what failed together does not come back together.
 * random: any 64 bits. */
int64_t queue_schedule_pause(const struct queue_schedule *s, unsigned failures, uint64_t random);

/* When a recipient is due again: the pause ahead, but not later than its expiry, so that the last
 * attempt is made when its time is over and not long before. */
int64_t queue_schedule_due(int64_t now_ms, int64_t pause_ms, int64_t expires_ms);

#endif
