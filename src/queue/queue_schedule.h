/* When to try again. */
#ifndef VEREDUS_QUEUE_QUEUE_SCHEDULE_H
#define VEREDUS_QUEUE_QUEUE_SCHEDULE_H

#include "config/config.h"

struct queue_schedule {
	int64_t first_ms;  /* the pause after the first failure */
	int64_t max_ms;    /* the longest pause */
	int64_t expire_ms; /* how long a message is tried; 0: as was said when it came */
	int64_t delay_notice_ms;
	bool delay_unasked; /* also senders are told who did not say NOTIFY */
};

/* Of mail that goes this way (NULL: by MX). */
struct queue_schedule queue_schedule_of(const struct config *config,
                                        const struct config_smarthost *way);
/* What holds for all mail: the longest pause of any way, the shortest time to expire. */
struct queue_schedule queue_schedule_bounds(const struct config *config);
/* When a recipient's time is over, stored_ms being what section queue said when the mail came. */
int64_t queue_schedule_expiry(const struct queue_schedule *s, int64_t arrived_ms,
                              int64_t stored_ms);

/* The pause after so many failures in a row (1: the first): doubled each time up to max_ms, then
 * moved by up to a tenth either way, so that what failed together does not come back together.
 * random: any 64 bits. */
int64_t queue_schedule_pause(const struct queue_schedule *s, unsigned failures, uint64_t random);

/* When a recipient is due again: the pause ahead, but not later than its expiry, so that the last
 * attempt is made when its time is over and not long before. */
int64_t queue_schedule_due(int64_t now_ms, int64_t pause_ms, int64_t expires_ms);

#endif
