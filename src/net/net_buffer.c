/* The pool of buffers: a stack of free ones for each worker, so that the one used last, which the
 * cache still holds, is used next. They are mapped, not allocated: a burst of sessions then
 * leaves no holes in the heap, and only the pages that were touched count. */
#include <pthread.h>
#include <sys/mman.h>

#include "net/conn_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, len)   ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

/* Free buffers that a worker keeps. */
enum { POOL_MAX = 64 };

struct pool {
	size_t count;
	char *free[POOL_MAX];
};

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static pthread_key_t pool_key;
static _Thread_local struct pool *pool;

static void buffer_unmap(char *buffer)
{
	ASAN_UNPOISON_MEMORY_REGION(buffer, CONN_BUFFER_MAX);
	munmap(buffer, CONN_BUFFER_MAX);
}

static void pool_free(void *arg)
{
	struct pool *p = arg;

	while (p->count > 0)
		buffer_unmap(p->free[--p->count]);
	free(p);
	pool = NULL;
}

static void pool_make_key(void)
{
	if (pthread_key_create(&pool_key, pool_free) != 0)
		abort();
}

static struct pool *pool_new(void)
{
	struct pool *p = mem_zero(1, sizeof(*p));

	pthread_once(&pool_once, pool_make_key);
	pthread_setspecific(pool_key, p);
	return p;
}

char *net_buffer_take(void)
{
	char *buffer;

	if (pool && pool->count > 0) {
		buffer = pool->free[--pool->count];
		ASAN_UNPOISON_MEMORY_REGION(buffer, CONN_BUFFER_MAX);
		return buffer;
	}
	buffer = mmap(NULL, CONN_BUFFER_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	              -1, 0);
	if (buffer == MAP_FAILED)
		abort();
	return buffer;
}

void net_buffer_give(char *buffer)
{
	if (!pool)
		pool = pool_new();
	if (pool->count == POOL_MAX) {
		buffer_unmap(buffer);
		return;
	}
	/* A line that is looked at after its time is found by the sanitizer. */
	ASAN_POISON_MEMORY_REGION(buffer, CONN_BUFFER_MAX);
	pool->free[pool->count++] = buffer;
}
