/* What the sanitizers and Valgrind must be told of each switch; nothing in ordinary builds. */
#ifndef VEREDUS_FIBER_FIBER_SANITIZE_H
#define VEREDUS_FIBER_FIBER_SANITIZE_H

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define FIBER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define FIBER_TSAN 0
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id)      ((void)(id))
#endif

/* Frames are larger under the sanitizers. */
#if FIBER_ASAN || FIBER_TSAN
#define FIBER_STACK_BYTES ((size_t)1024 * 1024)
#else
#define FIBER_STACK_BYTES ((size_t)256 * 1024)
#endif

/* One for each stack that is switched from and to, the thread's own included. */
struct sanitize_stack {
#if FIBER_ASAN
	void *fake;
	const void *bottom;
	size_t size;
#endif
#if FIBER_TSAN
	void *tsan;
#endif
	char unused;
};

static inline void sanitize_thread(struct sanitize_stack *s)
{
	(void)s;
#if FIBER_TSAN
	s->tsan = __tsan_get_current_fiber();
#endif
}

static inline void sanitize_begin(struct sanitize_stack *s, void *bottom, size_t size)
{
	(void)s, (void)bottom, (void)size;
#if FIBER_ASAN
	s->fake = NULL;
	s->bottom = bottom;
	s->size = size;
	ASAN_UNPOISON_MEMORY_REGION(bottom, size);
#endif
#if FIBER_TSAN
	s->tsan = __tsan_create_fiber(0);
#endif
}

static inline void sanitize_end(struct sanitize_stack *s)
{
	(void)s;
#if FIBER_ASAN
	ASAN_UNPOISON_MEMORY_REGION(s->bottom, s->size);
#endif
#if FIBER_TSAN
	__tsan_destroy_fiber(s->tsan);
	s->tsan = NULL;
#endif
}

/* Right before the switch; from_ends: the stack that we leave will not be come back to. */
static inline void sanitize_switch(struct sanitize_stack *from, struct sanitize_stack *to,
                                   int from_ends)
{
	(void)from, (void)to, (void)from_ends;
#if FIBER_ASAN
	__sanitizer_start_switch_fiber(from_ends ? NULL : &from->fake, to->bottom, to->size);
#endif
#if FIBER_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* Right after it, on the new stack; from tells where the thread's own stack lies. */
static inline void sanitize_switched(struct sanitize_stack *self, struct sanitize_stack *from)
{
	(void)self, (void)from;
#if FIBER_ASAN
	__sanitizer_finish_switch_fiber(self->fake, from ? &from->bottom : NULL,
	                                from ? &from->size : NULL);
#endif
}

#endif
