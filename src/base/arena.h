/* Arenas: memory that is freed all at once.
 *
 * A command, a transaction and a session have an arena each; freeing is dropping the arena.
 * Allocation does not fail: when the system has no memory the process ends with a message, and
 * starts again (a crash loses no accepted mail). Sizes that come from outside are bounded by the
 * caller before it asks. Not for use by two threads at once. */
#ifndef VEREDUS_BASE_ARENA_H
#define VEREDUS_BASE_ARENA_H

#include <stdarg.h>

#include "base/slice.h"

struct arena;

/* An empty arena costs a few dozen bytes; its first block is taken at the first allocation. */
struct arena *arena_new(void);
/* Frees all that was allocated, and the arena. NULL is allowed. */
void arena_free(struct arena *arena);
/* Frees all that was allocated but one block, so that the arena can be used again. */
void arena_reset(struct arena *arena);

/* Aligned for any type, not cleared. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* Cleared; count * size must not overflow, which ends the process. */
void *arena_zero(struct arena *arena, size_t count, size_t size)
	__attribute__((malloc, returns_nonnull));
/* Copies. The results of arena_str and arena_printf end with a NUL that is not counted. */
struct slice arena_copy(struct arena *arena, struct slice s);
char *arena_str(struct arena *arena, struct slice s);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
struct slice arena_concat(struct arena *arena, const struct slice *parts, size_t count);
/* A copy with ASCII letters in lower case. */
struct slice arena_lower(struct arena *arena, struct slice s);
/* Bytes handed out since the arena was made or reset, for limits. */
size_t arena_used(const struct arena *arena);

#define ARENA_NEW(arena, type)          ((type *)arena_zero((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, count, type) ((type *)arena_zero((arena), (count), sizeof(type)))

/* malloc and friends that end the process instead of returning NULL. Free with free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_grow(void *old, size_t size) __attribute__((returns_nonnull));
char *mem_str(struct slice s) __attribute__((malloc, returns_nonnull));

#endif
