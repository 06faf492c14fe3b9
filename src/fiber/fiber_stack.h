/* Stacks for the fibers of one worker: cut from slabs, guarded below, pooled.
 *
 * A stack that was given back stays as it is while it is likely to be needed again; those that
 * were not needed for a while give their memory back to the system, but not their addresses. */
#ifndef VEREDUS_FIBER_FIBER_STACK_H
#define VEREDUS_FIBER_FIBER_STACK_H

#include "base/list.h"

/* Idle stacks of a worker that keep their memory. */
#define STACK_POOL_KEEP 16
/* How often the pool looks for stacks that are not needed. */
#define STACK_TRIM_MS 1000
/* Below each stack. Libraries that don't touch each page of a large frame must not jump over it. */
#define STACK_GUARD_BYTES ((size_t)16 * 1024)

struct stack {
	struct list link;
	char *low; /* above the guard */
	size_t size;
	unsigned valgrind_id;
};

struct stack_slab;

struct stack_pool {
	size_t stack_bytes; /* guard included */
	struct list warm;   /* free, with memory; the last used at the front */
	struct list cold;   /* free, without */
	struct stack_slab *slabs;
	size_t warm_count;
	size_t warm_lowest; /* since the last trim: so many were never needed */
	bool guard_by_mprotect;
};

/* stack_bytes 0: the default. */
void stack_pool_create(struct stack_pool *pool, size_t stack_bytes);
/* All stacks, also those that were not given back. */
void stack_pool_destroy(struct stack_pool *pool);
/* NULL when the system has no more mappings or memory. */
struct stack *stack_take(struct stack_pool *pool);
void stack_give(struct stack_pool *pool, struct stack *stack);
/* Returns memory of stacks that were not needed since the last call; true if it should be called
 * again STACK_TRIM_MS later. */
bool stack_trim(struct stack_pool *pool);

#endif
