#include "dns/dns_cache.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"

enum {
	SHARDS = 16,       /* each with a lock of its own */
	OVERHEAD = 96,     /* what the table takes for an entry */
	PART_OF_SHARD = 4, /* one entry takes at most that part of a shard */
	SIZE_BYTES = sizeof(uint32_t),
};

struct entry {
	struct list link; /* by when it was asked for last */
	int64_t until_ms;
	int result;
	enum dns_security security;
	size_t key_len, canonical_len, count;
	size_t bytes; /* of all of it */
	char data[];  /* key, canonical name, and count times a length and a record */
};

struct shard {
	pthread_mutex_t lock;
	struct hash *entries;
	struct list used; /* the latest last */
	size_t bytes;
};

struct dns_cache {
	struct dns_cache_config config;
	struct shard shards[SHARDS];
};

void dns_key_make(struct slice name, enum dns_type type, struct dns_key *out)
{
	if (slice_ends_with(name, SLICE(".")))
		name.len--;
	out->len = 0;
	out->bytes[out->len++] = (char)type;
	for (size_t i = 0; i < name.len && out->len < DNS_KEY_MAX; i++)
		out->bytes[out->len++] = byte_lower(name.data[i]);
}

struct dns_cache *dns_cache_new(const struct dns_cache_config *config)
{
	struct dns_cache *c = mem_zero(1, sizeof(*c));
	c->config = *config;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&c->shards[i].lock, NULL);
		c->shards[i].entries = hash_new();
		list_init(&c->shards[i].used);
	}
	return c;
}

static struct slice key_of(const struct entry *e) { return slice_of(e->data, e->key_len); }

/* Under the shard's lock. */
static void drop(struct shard *s, struct entry *e)
{
	hash_remove(s->entries, key_of(e));
	list_remove(&e->link);
	s->bytes -= e->bytes;
	free(e);
}

void dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shards[i];
		LIST_EACH (&s->used, link, following) {
			free(LIST_ENTRY(link, struct entry, link));
		}
		hash_free(s->entries);
		pthread_mutex_destroy(&s->lock);
	}
	free(c);
}

static struct shard *shard_of(struct dns_cache *c, struct slice key)
{
	return &c->shards[hash_bytes(key) % SHARDS];
}

/* --- finding ----------------------------------------------------------------------------- */

/* Copies, as the entry may go as soon as the lock is given back. */
static void read_entry(const struct entry *e, struct arena *a, int64_t now_ms,
                       struct dns_cached *out)
{
	size_t skipped = sizeof(*e) + e->key_len;
	struct slice rest = arena_copy(a, slice_of(e->data + e->key_len, e->bytes - skipped));
	struct slice *data = ARENA_ARRAY(a, e->count + 1, struct slice);
	*out = (struct dns_cached){
		.result = e->result,
		.security = e->security,
		.ttl = (uint32_t)((e->until_ms - now_ms) / 1000),
		.canonical = slice_sub(rest, 0, e->canonical_len),
		.data = data,
		.count = e->count,
	};
	rest = slice_from(rest, e->canonical_len);
	for (size_t i = 0; i < e->count; i++) {
		uint32_t len;
		memcpy(&len, rest.data, SIZE_BYTES);
		data[i] = slice_sub(rest, SIZE_BYTES, len);
		rest = slice_from(rest, SIZE_BYTES + len);
	}
}

bool dns_cache_find(struct dns_cache *c, const struct dns_key *key, struct arena *a, int64_t now_ms,
                    struct dns_cached *out)
{
	struct slice bytes = slice_of(key->bytes, key->len);
	struct shard *s = shard_of(c, bytes);
	pthread_mutex_lock(&s->lock);
	struct entry *e = hash_find(s->entries, bytes);
	if (e && e->until_ms <= now_ms) {
		drop(s, e);
		e = NULL;
	}
	if (e) {
		list_remove(&e->link);
		list_append(&s->used, &e->link);
		read_entry(e, a, now_ms, out);
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

/* --- keeping ----------------------------------------------------------------------------- */

static char *put(char *at, struct slice bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

static struct entry *make_entry(const struct dns_key *key, const struct dns_cached *answer)
{
	size_t bytes = sizeof(struct entry) + key->len + answer->canonical.len;
	for (size_t i = 0; i < answer->count; i++)
		bytes += SIZE_BYTES + answer->data[i].len;
	struct entry *e = mem_alloc(bytes);
	*e = (struct entry){ .result = answer->result,
		             .security = answer->security,
		             .key_len = key->len,
		             .canonical_len = answer->canonical.len,
		             .count = answer->count,
		             .bytes = bytes };
	char *at = put(e->data, slice_of(key->bytes, key->len));
	at = put(at, answer->canonical);
	for (size_t i = 0; i < answer->count; i++) {
		uint32_t len = (uint32_t)answer->data[i].len;
		at = put(at, slice_of(&len, SIZE_BYTES));
		at = put(at, answer->data[i]);
	}
	return e;
}

/* For how many seconds an answer is kept. */
static uint32_t lifetime(const struct dns_cache_config *c, const struct dns_cached *answer)
{
	uint32_t max = c->max_ttl_s, ttl = answer->ttl;
	if (answer->result != 0 && c->max_negative_ttl_s < max)
		max = c->max_negative_ttl_s;
	if (ttl < c->min_ttl_s)
		ttl = c->min_ttl_s;
	return ttl < max ? ttl : max;
}

void dns_cache_put(struct dns_cache *c, const struct dns_key *key, const struct dns_cached *answer,
                   int64_t now_ms)
{
	size_t max = c->config.max_bytes / SHARDS;
	uint32_t ttl_s = lifetime(&c->config, answer);
	if (ttl_s == 0)
		return;
	struct entry *e = make_entry(key, answer);
	if (e->bytes + OVERHEAD > max / PART_OF_SHARD) {
		free(e);
		return;
	}
	e->until_ms = now_ms + (int64_t)ttl_s * 1000;
	struct shard *s = shard_of(c, key_of(e));
	pthread_mutex_lock(&s->lock);
	struct entry *old = hash_find(s->entries, key_of(e));
	if (old)
		drop(s, old);
	LIST_EACH (&s->used, link, following) {
		if (s->bytes + (hash_count(s->entries) + 1) * OVERHEAD + e->bytes <= max)
			break;
		drop(s, LIST_ENTRY(link, struct entry, link));
	}
	hash_put(s->entries, key_of(e), e);
	list_append(&s->used, &e->link);
	s->bytes += e->bytes;
	pthread_mutex_unlock(&s->lock);
}

void dns_cache_size(struct dns_cache *c, size_t *count_out, size_t *bytes_out)
{
	*count_out = *bytes_out = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shards[i];
		pthread_mutex_lock(&s->lock);
		*count_out += hash_count(s->entries);
		*bytes_out += s->bytes + hash_count(s->entries) * OVERHEAD;
		pthread_mutex_unlock(&s->lock);
	}
}
