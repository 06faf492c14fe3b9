#include "route/queue_id.h"

#include "base/codec.h"

#define COUNT_BITS 12
#define TAIL_BITS  24

/* In the order of ASCII, so that ids sort like the numbers they spell. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void queue_id_source_create(struct queue_id_source *source)
{
	atomic_init(&source->last, 0);
	source->tail = (uint32_t)random_below(1u << TAIL_BITS);
}

/* A count that overflows borrows from the next millisecond. */
static uint64_t queue_id_advance(struct queue_id_source *source, int64_t wall_ms)
{
	uint64_t now = (uint64_t)wall_ms << COUNT_BITS;
	uint64_t last = atomic_load_explicit(&source->last, memory_order_relaxed);
	uint64_t next;
	do
		next = now > last ? now : last + 1;
	while (!atomic_compare_exchange_weak_explicit(&source->last, &last, next,
	                                              memory_order_relaxed, memory_order_relaxed));
	return next;
}

static void queue_id_spell(unsigned __int128 id, char out[static QUEUE_ID_LEN + 1])
{
	for (int i = QUEUE_ID_LEN - 1; i >= 0; i--, id >>= 5)
		out[i] = alphabet[id & 31];
	out[QUEUE_ID_LEN] = 0;
}

void queue_id_next(struct queue_id_source *source, int64_t wall_ms,
                   char out[static QUEUE_ID_LEN + 1])
{
	unsigned __int128 id = queue_id_advance(source, wall_ms);
	queue_id_spell(id << TAIL_BITS | source->tail, out);
}

void queue_id_least(int64_t wall_ms, char out[static QUEUE_ID_LEN + 1])
{
	queue_id_spell((unsigned __int128)(uint64_t)wall_ms << (COUNT_BITS + TAIL_BITS), out);
}
