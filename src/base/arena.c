#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
/* Untouchable bytes between two allocations, so that running over the end of one is seen. */
#define ARENA_GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(at, len)   ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ARENA_GAP                            0
#endif

#define ARENA_ALIGN     _Alignof(max_align_t)
#define ARENA_BLOCK_MIN 512
#define ARENA_BLOCK_MAX (32 * 1024)

struct block {
	struct block *next;
	size_t size; /* bytes behind this head */
	size_t used;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct block *blocks; /* the first is the one that is filled */
	size_t handed_out;
};

static _Noreturn void mem_fail(const char *what)
{
	fprintf(stderr, "error memory.%s\n", what);
	abort();
}

void *mem_alloc(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);
	if (!p)
		mem_fail("exhausted");
	return p;
}

void *mem_zero(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
	if (!p)
		mem_fail("exhausted");
	return p;
}

void *mem_grow(void *old, size_t size)
{
	void *p = realloc(old, size > 0 ? size : 1);
	if (!p)
		mem_fail("exhausted");
	return p;
}

char *mem_str(struct slice s)
{
	char *copy = mem_alloc(s.len + 1);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct arena *arena_new(void) { return mem_zero(1, sizeof(struct arena)); }

static void blocks_free(struct block *b)
{
	while (b) {
		struct block *next = b->next;
		ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
		free(b);
		b = next;
	}
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	blocks_free(arena->blocks);
	free(arena);
}

void arena_reset(struct arena *arena)
{
	struct block *kept = arena->blocks;
	arena->handed_out = 0;
	if (!kept)
		return;
	blocks_free(kept->next);
	kept->next = NULL;
	kept->used = 0;
	ASAN_POISON_MEMORY_REGION(kept->data, kept->size);
	if (kept->size > ARENA_BLOCK_MAX) {
		blocks_free(kept);
		arena->blocks = NULL;
	}
}

static struct block *block_new(size_t size)
{
	struct block *b = mem_alloc(sizeof(struct block) + size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->data, size);
	return b;
}

/* A block with room for size bytes. One that is made for a single large allocation goes behind
 * the block that is being filled, whose rest stays in use. */
static struct block *block_for(struct arena *arena, size_t size)
{
	struct block *filled = arena->blocks;
	if (filled && filled->size - filled->used >= size)
		return filled;
	if (filled && size > ARENA_BLOCK_MAX / 4) {
		struct block *single = block_new(size);
		single->next = filled->next;
		filled->next = single;
		return single;
	}
	size_t grown = filled ? filled->size * 2 : ARENA_BLOCK_MIN;
	if (grown > ARENA_BLOCK_MAX)
		grown = ARENA_BLOCK_MAX;
	struct block *fresh = block_new(grown > size ? grown : size);
	fresh->next = filled;
	arena->blocks = fresh;
	return fresh;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > PTRDIFF_MAX / 2)
		mem_fail("oversized");
	size_t rounded = ((size > 0 ? size : 1) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	struct block *b = block_for(arena, rounded + ARENA_GAP);
	void *p = b->data + b->used;
	b->used += rounded + ARENA_GAP;
	arena->handed_out += rounded;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

void *arena_zero(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		mem_fail("oversized");
	void *p = arena_alloc(arena, total);
	memset(p, 0, total);
	return p;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	if (s.len == 0)
		return SLICE_EMPTY;
	char *copy = arena_alloc(arena, s.len);
	memcpy(copy, s.data, s.len);
	return slice_of(copy, s.len);
}

char *arena_str(struct arena *arena, struct slice s)
{
	char *copy = arena_alloc(arena, s.len + 1);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	if (len < 0)
		mem_fail("format");
	char *text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

struct slice arena_concat(struct arena *arena, const struct slice *parts, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	char *joined = arena_alloc(arena, len), *at = joined;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	return slice_of(joined, len);
}

struct slice arena_lower(struct arena *arena, struct slice s)
{
	char *lower = arena_alloc(arena, s.len);
	for (size_t i = 0; i < s.len; i++)
		lower[i] = byte_lower(s.data[i]);
	return slice_of(lower, s.len);
}

size_t arena_used(const struct arena *arena) { return arena->handed_out; }
