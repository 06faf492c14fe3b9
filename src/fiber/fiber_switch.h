/* The switch from one stack to another: a few lines of assembly for x86-64 and arm64, ucontext
 * elsewhere. Only callee-saved registers are kept; the signal mask and the floating-point
 * control words are the thread's. */
#ifndef VEREDUS_FIBER_FIBER_SWITCH_H
#define VEREDUS_FIBER_FIBER_SWITCH_H

#include <stddef.h>

#ifdef FIBER_SWITCH_UCONTEXT
#include <ucontext.h>
struct fiber_context {
	ucontext_t saved;
	void (*entry)(void *arg);
	void *arg;
};
#else
struct fiber_context {
	void *stack_pointer; /* the rest lies on the stack that it points to */
};
#endif

/* Prepares a context that will call entry(arg), which must never return, on the given stack. */
void fiber_context_make(struct fiber_context *context, void *stack, size_t stack_bytes,
                        void (*entry)(void *arg), void *arg);
/* Saves where we are in *from, goes on where *to was saved. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);

#endif
