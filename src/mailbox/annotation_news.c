#include "mailbox/annotation_news.h"

#include <pthread.h>
#include <stdlib.h>

struct annotation_news {
	pthread_mutex_t mutex; /* never held across a wait */
	uint64_t count;        /* so far; the i-th is at i % ANNOTATION_NEWS_KEPT */
	struct annotation_change changes[ANNOTATION_NEWS_KEPT]; /* names by mem_str() */
};

struct annotation_news *annotation_news_new(void)
{
	struct annotation_news *n = mem_zero(1, sizeof(*n));
	pthread_mutex_init(&n->mutex, NULL);
	return n;
}

void annotation_news_free(struct annotation_news *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < ANNOTATION_NEWS_KEPT; i++)
		free((char *)n->changes[i].name.data);
	pthread_mutex_destroy(&n->mutex);
	free(n);
}

void annotation_news_note(struct annotation_news *n, const struct annotation_change *change)
{
	char *name = mem_str(change->name);
	pthread_mutex_lock(&n->mutex);
	struct annotation_change *place = &n->changes[n->count++ % ANNOTATION_NEWS_KEPT];
	free((char *)place->name.data);
	*place = *change;
	place->name = slice_from_str(name);
	pthread_mutex_unlock(&n->mutex);
}

uint64_t annotation_news_count(struct annotation_news *n)
{
	pthread_mutex_lock(&n->mutex);
	uint64_t count = n->count;
	pthread_mutex_unlock(&n->mutex);
	return count;
}

bool annotation_news_since(struct annotation_news *n, struct arena *arena, uint64_t *seen,
                           struct annotation_change **changes_out, size_t *count_out)
{
	pthread_mutex_lock(&n->mutex);
	size_t count = (size_t)(n->count - *seen);
	bool whole = count <= ANNOTATION_NEWS_KEPT;
	struct annotation_change *changes = NULL;
	if (whole && count > 0)
		changes = ARENA_ARRAY(arena, count, struct annotation_change);
	for (size_t i = 0; whole && i < count; i++) {
		changes[i] = n->changes[(*seen + i) % ANNOTATION_NEWS_KEPT];
		changes[i].name = arena_copy(arena, changes[i].name);
	}
	*seen = n->count;
	pthread_mutex_unlock(&n->mutex);
	*changes_out = changes;
	*count_out = whole ? count : 0;
	return whole;
}
