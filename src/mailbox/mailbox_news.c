#include "mailbox/mailbox_news.h"

#include <pthread.h>
#include <stdlib.h>

struct mailbox_news {
	pthread_mutex_t mutex; /* never held across a wait */
	uint64_t count;        /* so far; the i-th is at i % MAILBOX_NEWS_KEPT */
	struct mailbox_news_item changes[MAILBOX_NEWS_KEPT]; /* names by mem_str() */
};

struct mailbox_news *mailbox_news_new(void)
{
	struct mailbox_news *n = mem_zero(1, sizeof(*n));
	pthread_mutex_init(&n->mutex, NULL);
	return n;
}

void mailbox_news_free(struct mailbox_news *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < MAILBOX_NEWS_KEPT; i++)
		free((char *)n->changes[i].name.data);
	pthread_mutex_destroy(&n->mutex);
	free(n);
}

void mailbox_news_note(struct mailbox_news *n, const struct mailbox_news_item *change)
{
	char *name = mem_str(change->name);
	pthread_mutex_lock(&n->mutex);
	struct mailbox_news_item *place = &n->changes[n->count++ % MAILBOX_NEWS_KEPT];
	free((char *)place->name.data);
	*place = *change;
	place->name = slice_from_str(name);
	pthread_mutex_unlock(&n->mutex);
}

uint64_t mailbox_news_count(struct mailbox_news *n)
{
	pthread_mutex_lock(&n->mutex);
	uint64_t count = n->count;
	pthread_mutex_unlock(&n->mutex);
	return count;
}

bool mailbox_news_since(struct mailbox_news *n, struct arena *arena, uint64_t *seen,
                        struct mailbox_news_item **changes_out, size_t *count_out)
{
	pthread_mutex_lock(&n->mutex);
	size_t count = (size_t)(n->count - *seen);
	bool whole = count <= MAILBOX_NEWS_KEPT;
	struct mailbox_news_item *changes = NULL;
	if (whole && count > 0)
		changes = ARENA_ARRAY(arena, count, struct mailbox_news_item);
	for (size_t i = 0; whole && i < count; i++) {
		changes[i] = n->changes[(*seen + i) % MAILBOX_NEWS_KEPT];
		changes[i].name = arena_copy(arena, changes[i].name);
	}
	*seen = n->count;
	pthread_mutex_unlock(&n->mutex);
	*changes_out = changes;
	*count_out = whole ? count : 0;
	return whole;
}
