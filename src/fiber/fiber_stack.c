#include "fiber/fiber_stack.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "fiber/fiber_sanitize.h"

#define SLAB_STACKS 16

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

struct stack_slab {
	struct stack_slab *next;
	char *base;
	size_t size;
	struct stack stacks[SLAB_STACKS];
};

void stack_pool_create(struct stack_pool *pool, size_t stack_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = stack_bytes > 0 ? stack_bytes : FIBER_STACK_BYTES;
	*pool = (struct stack_pool){ 0 };
	list_init(&pool->warm);
	list_init(&pool->cold);
	if (bytes < 4 * STACK_GUARD_BYTES)
		bytes = 4 * STACK_GUARD_BYTES;
	pool->stack_bytes = (bytes + page - 1) / page * page;
}

void stack_pool_destroy(struct stack_pool *pool)
{
	while (pool->slabs) {
		struct stack_slab *slab = pool->slabs;
		pool->slabs = slab->next;
		for (int i = 0; i < SLAB_STACKS; i++)
			VALGRIND_STACK_DEREGISTER(slab->stacks[i].valgrind_id);
		munmap(slab->base, slab->size);
		free(slab);
	}
}

/* A guard that the kernel keeps in the page tables costs no mapping of its own; with mprotect
 * each stack costs two, and the default vm.max_map_count ends at some 32,000 fibers. */
static bool guard_install(struct stack_pool *pool, char *at)
{
	if (!pool->guard_by_mprotect) {
		if (madvise(at, STACK_GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
			return true;
		pool->guard_by_mprotect = true;
	}
	return mprotect(at, STACK_GUARD_BYTES, PROT_NONE) == 0;
}

static bool slab_guard(struct stack_pool *pool, struct stack_slab *slab)
{
	for (size_t i = 0; i < SLAB_STACKS; i++) {
		if (!guard_install(pool, slab->base + i * pool->stack_bytes))
			return false;
	}
	return true;
}

static bool slab_add(struct stack_pool *pool)
{
	struct stack_slab *slab = mem_zero(1, sizeof(*slab));
	slab->size = SLAB_STACKS * pool->stack_bytes;
	slab->base = mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->base == MAP_FAILED) {
		free(slab);
		return false;
	}
	/* A huge page would make eight stacks resident at the first touch of one. A kernel
	 * without huge pages refuses, which is as well. */
	madvise(slab->base, slab->size, MADV_NOHUGEPAGE);
	if (!slab_guard(pool, slab)) {
		munmap(slab->base, slab->size);
		free(slab);
		return false;
	}
	slab->next = pool->slabs;
	pool->slabs = slab;
	for (size_t i = 0; i < SLAB_STACKS; i++) {
		struct stack *stack = &slab->stacks[i];
		stack->low = slab->base + i * pool->stack_bytes + STACK_GUARD_BYTES;
		stack->size = pool->stack_bytes - STACK_GUARD_BYTES;
		stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->low + stack->size);
		list_append(&pool->cold, &stack->link);
	}
	return true;
}

struct stack *stack_take(struct stack_pool *pool)
{
	struct stack *stack = LIST_FIRST(&pool->warm, struct stack, link);
	if (stack) {
		if (--pool->warm_count < pool->warm_lowest)
			pool->warm_lowest = pool->warm_count;
	} else {
		pool->warm_lowest = 0;
		if (list_is_empty(&pool->cold) && !slab_add(pool))
			return NULL;
		stack = LIST_FIRST(&pool->cold, struct stack, link);
	}
	list_remove(&stack->link);
	return stack;
}

void stack_give(struct stack_pool *pool, struct stack *stack)
{
	list_insert_before(pool->warm.next, &stack->link);
	pool->warm_count++;
}

bool stack_trim(struct stack_pool *pool)
{
	while (pool->warm_lowest > STACK_POOL_KEEP) {
		struct stack *stack = LIST_ENTRY(pool->warm.prev, struct stack, link);
		madvise(stack->low, stack->size, MADV_DONTNEED);
		list_remove(&stack->link);
		list_append(&pool->cold, &stack->link);
		pool->warm_count--;
		pool->warm_lowest--;
	}
	pool->warm_lowest = pool->warm_count;
	return pool->warm_count > STACK_POOL_KEEP;
}
