/* Queue ids: 16 characters that name a message in logs, replies, trace fields and journeys.
 *
 * They sort by time as text, are an Atom of RFC 5322, and no two are alike: not within a process
 * even when the clock goes back, and not across restarts, since each process has its own random
 * tail. 80 bits: 44 of milliseconds since 1970, 12 of a count, 24 of the tail. */
#ifndef VEREDUS_ROUTE_QUEUE_ID_H
#define VEREDUS_ROUTE_QUEUE_ID_H

#include <stdatomic.h>
#include <stdint.h>

#define QUEUE_ID_LEN 16

struct queue_id_source {
	_Atomic uint64_t last; /* milliseconds and count of the newest id */
	uint32_t tail;
};

void queue_id_source_create(struct queue_id_source *source);
/* [any thread] Writes the id and a NUL. */
void queue_id_next(struct queue_id_source *source, int64_t wall_ms,
                   char out[static QUEUE_ID_LEN + 1]);
/* The least id of a moment: ids before it are older. */
void queue_id_least(int64_t wall_ms, char out[static QUEUE_ID_LEN + 1]);

#endif
