#include "fiber/fiber_slot.h"

#include <stdlib.h>

#include "base/arena.h"

#define SLOTS_MAX       (UINT32_C(1) << ID_GENERATION_SHIFT)
#define GENERATION_MASK ((UINT64_C(1) << (ID_WORKER_SHIFT - ID_GENERATION_SHIFT)) - 1)

static bool slots_grow(struct slots *slots)
{
	if (slots->capacity == SLOTS_MAX)
		return false;
	slots->capacity = slots->capacity > 0 ? slots->capacity * 2 : 64;
	slots->at = mem_grow(slots->at, slots->capacity * sizeof(struct slot));
	return true;
}

uint64_t slot_take(struct slots *slots, void *object)
{
	uint32_t number;
	if (slots->first_free > 0) {
		number = slots->first_free - 1;
		slots->first_free = slots->at[number].next_free;
	} else {
		if (slots->count == slots->capacity && !slots_grow(slots))
			return 0;
		number = slots->count++;
		slots->at[number].generation = 1;
	}
	slots->at[number].object = object;
	return (uint64_t)slots->worker << ID_WORKER_SHIFT |
	       slots->at[number].generation << ID_GENERATION_SHIFT | number;
}

static struct slot *slot_of(const struct slots *slots, uint64_t id)
{
	uint32_t number = (uint32_t)id & (SLOTS_MAX - 1);
	uint64_t generation = id >> ID_GENERATION_SHIFT & GENERATION_MASK;
	if (number >= slots->count || slots->at[number].generation != generation)
		return NULL;
	return &slots->at[number];
}

void slot_release(struct slots *slots, uint64_t id)
{
	struct slot *slot = slot_of(slots, id);
	if (!slot)
		return;
	slot->object = NULL;
	/* Generation 0 is left out: with it, the first id of worker 0 would be 0. */
	slot->generation = slot->generation == GENERATION_MASK ? 1 : slot->generation + 1;
	slot->next_free = slots->first_free;
	slots->first_free = (uint32_t)(slot - slots->at) + 1;
}

void *slot_find(const struct slots *slots, uint64_t id)
{
	struct slot *slot = slot_of(slots, id);
	return slot ? slot->object : NULL;
}

void slots_destroy(struct slots *slots)
{
	free(slots->at);
	*slots = (struct slots){ .worker = slots->worker };
}
