#include "fiber/fiber_switch.h"

#include <stdint.h>
#include <stdlib.h>

/* makecontext() passes ints only: the pointer travels in two of them. */
static void context_start(unsigned high, unsigned low)
{
	struct fiber_context *context = (struct fiber_context *)(uintptr_t)((uint64_t)high << 32 |
	                                                                    low);
	context->entry(context->arg);
	abort();
}

void fiber_context_make(struct fiber_context *context, void *stack, size_t stack_bytes,
                        void (*entry)(void *arg), void *arg)
{
	uint64_t self = (uint64_t)(uintptr_t)context;
	if (getcontext(&context->saved) != 0)
		abort();
	context->saved.uc_stack.ss_sp = stack;
	context->saved.uc_stack.ss_size = stack_bytes;
	context->saved.uc_link = NULL;
	context->entry = entry;
	context->arg = arg;
	makecontext(&context->saved, (void (*)(void))context_start, 2, (unsigned)(self >> 32),
	            (unsigned)self);
}

void fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
	if (swapcontext(&from->saved, &to->saved) != 0)
		abort();
}
