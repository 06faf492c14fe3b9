#include "guard/guard_bucket.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/hash.h"

enum {
	SHARDS = 16,
	LOOK_AT = 8, /* buckets that are considered when one must go */
};

struct bucket {
	int64_t full_us;
	bool changed; /* since it was saved */
};

struct shard {
	pthread_mutex_t lock;
	struct hash *buckets;
	size_t position; /* of the walk that makes room */
};

struct guard_buckets {
	size_t max_in_shard;
	struct shard shards[SHARDS];
};

struct guard_buckets *guard_buckets_new(size_t max)
{
	struct guard_buckets *b = mem_zero(1, sizeof(*b));
	b->max_in_shard = max / SHARDS + 1;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&b->shards[i].lock, NULL);
		b->shards[i].buckets = hash_new();
	}
	return b;
}

void guard_buckets_free(struct guard_buckets *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		size_t position = 0;
		struct slice key;
		void *bucket;
		while (hash_next(b->shards[i].buckets, &position, &key, &bucket))
			free(bucket);
		hash_free(b->shards[i].buckets);
		pthread_mutex_destroy(&b->shards[i].lock);
	}
	free(b);
}

static struct shard *lock_shard(struct guard_buckets *b, struct slice key)
{
	struct shard *s = &b->shards[hash_bytes(key) % SHARDS];
	pthread_mutex_lock(&s->lock);
	return s;
}

static void forget(struct shard *s, struct slice key) { free(hash_remove(s->buckets, key)); }

/* Full ones that are met go, and if none is met the one that is nearest to it. */
static void make_room(struct shard *s, int64_t now_us)
{
	struct slice key, least_key = SLICE_EMPTY;
	int64_t least_us = INT64_MAX;
	bool has_room = false;
	void *value;
	for (int i = 0; i < LOOK_AT; i++) {
		if (!hash_next(s->buckets, &s->position, &key, &value)) {
			s->position = 0;
			break;
		}
		const struct bucket *bucket = value;
		if (bucket->full_us <= now_us) {
			forget(s, key);
			has_room = true;
		} else if (bucket->full_us < least_us) {
			least_us = bucket->full_us;
			least_key = key;
		}
	}
	if (!has_room && least_us < INT64_MAX)
		forget(s, least_key);
}

static struct bucket *find_or_add(struct guard_buckets *b, struct shard *s, struct slice key,
                                  int64_t now_us)
{
	struct bucket *bucket = hash_find(s->buckets, key);
	if (bucket)
		return bucket;
	for (int i = 0; i < LOOK_AT && hash_count(s->buckets) >= b->max_in_shard; i++)
		make_room(s, now_us);
	bucket = mem_zero(1, sizeof(*bucket));
	hash_put(s->buckets, key, bucket);
	return bucket;
}

/* When it will be full if a token is taken now, or -1 if there is none. */
static int64_t after_taking(int64_t full_us, unsigned count, unsigned burst, int64_t period_us,
                            int64_t now_us)
{
	int64_t token_us = period_us / count > 0 ? period_us / count : 1;
	int64_t next_us = (full_us > now_us ? full_us : now_us) + token_us;
	return next_us - now_us > token_us * (int64_t)burst ? -1 : next_us;
}

bool guard_buckets_take(struct guard_buckets *b, struct slice key, unsigned count, unsigned burst,
                        int64_t period_us, int64_t now_us)
{
	struct shard *s = lock_shard(b, key);
	struct bucket *bucket = find_or_add(b, s, key, now_us);
	int64_t next_us = after_taking(bucket->full_us, count, burst, period_us, now_us);
	if (next_us >= 0) {
		bucket->full_us = next_us;
		bucket->changed = true;
	}
	pthread_mutex_unlock(&s->lock);
	return next_us >= 0;
}

bool guard_buckets_would(struct guard_buckets *b, struct slice key, unsigned count, unsigned burst,
                         int64_t period_us, int64_t now_us)
{
	struct shard *s = lock_shard(b, key);
	const struct bucket *bucket = hash_find(s->buckets, key);
	int64_t full_us = bucket ? bucket->full_us : now_us;
	pthread_mutex_unlock(&s->lock);
	return after_taking(full_us, count, burst, period_us, now_us) >= 0;
}

size_t guard_buckets_count(struct guard_buckets *b)
{
	size_t count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&b->shards[i].lock);
		count += hash_count(b->shards[i].buckets);
		pthread_mutex_unlock(&b->shards[i].lock);
	}
	return count;
}

void guard_buckets_unsaved(struct guard_buckets *b)
{
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &b->shards[i];
		struct slice key;
		void *value;
		size_t position = 0;
		pthread_mutex_lock(&s->lock);
		while (hash_next(s->buckets, &position, &key, &value)) {
			struct bucket *bucket = value;
			bucket->changed = true;
		}
		pthread_mutex_unlock(&s->lock);
	}
}

void guard_buckets_changed(struct guard_buckets *b, int64_t now_us, guard_bucket_visit visit,
                           void *arg)
{
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &b->shards[i];
		struct slice key;
		void *value;
		size_t position = 0;
		pthread_mutex_lock(&s->lock);
		while (hash_next(s->buckets, &position, &key, &value)) {
			struct bucket *bucket = value;
			if (bucket->full_us <= now_us) {
				forget(s, key);
			} else if (bucket->changed) {
				bucket->changed = false;
				visit(arg, key, bucket->full_us);
			}
		}
		s->position = 0;
		pthread_mutex_unlock(&s->lock);
	}
}

void guard_buckets_put(struct guard_buckets *b, struct slice key, int64_t full_us)
{
	struct shard *s = lock_shard(b, key);
	if (hash_count(s->buckets) < b->max_in_shard)
		find_or_add(b, s, key, 0)->full_us = full_us;
	pthread_mutex_unlock(&s->lock);
}
