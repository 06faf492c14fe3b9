/* How fast a destination is served: how many connections it has at most, and how many messages,
 * recipients and connections it is given in a time. Pure; times are monotonic. */
#ifndef VEREDUS_QUEUE_QUEUE_PACE_H
#define VEREDUS_QUEUE_QUEUE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config_queue.h"

/* --- connections ---------------------------------------------------------------------- */

/* One more for as many messages as there may be connections, as long as all goes well; half of them
 * when messages fail for now, and none more for a while. */
struct queue_pace {
	unsigned allowed;
	unsigned went_well;    /* messages since it grew last */
	int64_t calm_until_ms; /* it does not grow before */
	int64_t worked_ms;     /* when a message last got through; 0: none yet */
};

void queue_pace_begin(struct queue_pace *p, unsigned first);
void queue_pace_faster(struct queue_pace *p, unsigned most, int64_t now_ms);
/* A message failed for now, or took too long. */
void queue_pace_slower(struct queue_pace *p, unsigned connections, int64_t now_ms);
/* Did messages get through lately, so that one connection more was one too many, rather than the
 * host dead? */
bool queue_pace_works(const struct queue_pace *p, int64_t now_ms);
/* One of so many connections was not to be had: the others are what there is. */
void queue_pace_one_less(struct queue_pace *p, unsigned connections, int64_t now_ms);

/* --- rates ---------------------------------------------------------------------------- */

/* What was used of a rate: an instant, up to which it is used up. */
struct queue_meter {
	int64_t until_us;
};
struct queue_meters {
	struct queue_meter messages, recipients, connections;
};

/* How long to wait until something may be counted, 0: not at all. What comes in bursts may take a
 * second's part of the rate at once. per_minute 0: no limit. */
int64_t queue_meter_wait_ms(const struct queue_meter *m, unsigned per_minute, int64_t now_us);
void queue_meter_count(struct queue_meter *m, unsigned per_minute, uint64_t count, int64_t now_us);
/* The longest wait for a job. */
int64_t queue_meters_wait_ms(const struct queue_meters *m, const struct config_rates *rates,
                             int64_t now_us);
void queue_meters_count(struct queue_meters *m, const struct config_rates *rates,
                        uint64_t recipients, int64_t now_us);

#endif
