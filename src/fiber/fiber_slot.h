/* Names of fibers and watches: 64-bit ids that stay valid as names, never as pointers.
 *
 * An id made by the worker that owns the object holds the worker, a slot and its generation. The
 * id of a fiber that another thread starts can't name a slot, for the table is the worker's own:
 * it holds a ticket instead, which the worker looks up in a hash table. */
#ifndef VEREDUS_FIBER_FIBER_SLOT_H
#define VEREDUS_FIBER_FIBER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKERS_MAX 256

enum { ID_TICKET_SHIFT = 63, ID_WORKER_SHIFT = 55, ID_GENERATION_SHIFT = 22 };

static inline unsigned id_worker(uint64_t id) { return id >> ID_WORKER_SHIFT & 0xff; }
static inline bool id_is_ticket(uint64_t id) { return id >> ID_TICKET_SHIFT; }

static inline uint64_t id_from_ticket(unsigned worker, uint64_t ticket)
{
	return UINT64_C(1) << ID_TICKET_SHIFT | (uint64_t)worker << ID_WORKER_SHIFT |
	       (ticket & ((UINT64_C(1) << ID_WORKER_SHIFT) - 1));
}

struct slot {
	void *object;        /* NULL: free */
	uint64_t generation; /* of the object, or of the next one */
	uint32_t next_free;
};

struct slots {
	struct slot *at;
	uint32_t count;
	uint32_t capacity;
	uint32_t first_free; /* number of a free slot + 1, or 0 */
	unsigned worker;
};

/* 0 when all slots (four million) are in use. */
uint64_t slot_take(struct slots *slots, void *object);
void slot_release(struct slots *slots, uint64_t id);
/* NULL if the id names nothing any more. */
void *slot_find(const struct slots *slots, uint64_t id);
void slots_destroy(struct slots *slots);

#endif
