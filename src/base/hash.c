/* An index of open addresses into an array of entries in the order in which they came. A removed
 * entry stays in both as a gap until the table is rebuilt, so that a visit is a walk over the
 * array and removing what was visited disturbs nothing. */
#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/codec.h"

#define HASH_CAPACITY_MIN 8
#define HASH_CAPACITY_MAX (UINT32_C(1) << 30)

struct hash_entry {
	uint64_t hash;
	struct slice key;
	void *value; /* NULL: removed */
};

struct hash {
	struct hash_entry *entries;
	uint32_t *index; /* 2 * capacity places: 0 free, else the number of an entry + 1 */
	size_t capacity; /* a power of two, or 0 */
	size_t used;     /* entries, gaps included */
	size_t live;
};

/* The secret is drawn once for the process. */
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;
static uint64_t secret[2];

static void secret_draw(void) { random_bytes(secret, sizeof(secret)); }

static inline uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline void sip_rounds(uint64_t v[4], int count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static uint64_t load_little_endian(const char *at, size_t len)
{
	uint64_t word = 0;
	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)(unsigned char)at[i] << (8 * i);
	return word;
}

uint64_t hash_bytes_keyed(const uint64_t key[static 2], struct slice s)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		          key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	size_t whole = s.len / 8 * 8;
	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word = load_little_endian(s.data + i, 8);
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
	}
	uint64_t last = load_little_endian(s.data + whole, s.len - whole) | (uint64_t)s.len << 56;
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(struct slice s)
{
	pthread_once(&secret_once, secret_draw);
	return hash_bytes_keyed(secret, s);
}

struct hash *hash_new(void) { return mem_zero(1, sizeof(struct hash)); }

void hash_free(struct hash *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->used; i++) {
		if (h->entries[i].value)
			free((char *)(uintptr_t)h->entries[i].key.data);
	}
	free(h->entries);
	free(h->index);
	free(h);
}

void hash_free_all(struct hash *h)
{
	for (size_t i = 0; h && i < h->used; i++)
		free(h->entries[i].value);
	hash_free(h);
}

size_t hash_count(const struct hash *h) { return h->live; }

static struct hash_entry *entry_find(const struct hash *h, struct slice key, uint64_t hash)
{
	if (h->capacity == 0)
		return NULL;
	size_t mask = 2 * h->capacity - 1;
	for (size_t i = hash & mask; h->index[i] != 0; i = (i + 1) & mask) {
		struct hash_entry *e = &h->entries[h->index[i] - 1];
		if (e->value && e->hash == hash && slice_equal(e->key, key))
			return e;
	}
	return NULL;
}

static void index_add(struct hash *h, size_t number)
{
	size_t mask = 2 * h->capacity - 1;
	size_t i = h->entries[number].hash & mask;
	while (h->index[i] != 0)
		i = (i + 1) & mask;
	h->index[i] = (uint32_t)number + 1;
}

/* Closes the gaps and leaves room for at least as many entries as there are. */
static void hash_rebuild(struct hash *h)
{
	size_t capacity = HASH_CAPACITY_MIN;
	while (capacity < 2 * h->live)
		capacity *= 2;
	if (capacity > HASH_CAPACITY_MAX)
		abort();
	struct hash_entry *old = h->entries;
	size_t old_used = h->used;
	free(h->index);
	h->entries = mem_alloc(capacity * sizeof(struct hash_entry));
	h->index = mem_zero(2 * capacity, sizeof(uint32_t));
	h->capacity = capacity;
	h->used = 0;
	for (size_t i = 0; i < old_used; i++) {
		if (!old[i].value)
			continue;
		h->entries[h->used] = old[i];
		index_add(h, h->used++);
	}
	free(old);
}

void *hash_find(const struct hash *h, struct slice key)
{
	struct hash_entry *e = h->live > 0 ? entry_find(h, key, hash_bytes(key)) : NULL;
	return e ? e->value : NULL;
}

void *hash_put(struct hash *h, struct slice key, void *value)
{
	uint64_t hash = hash_bytes(key);
	struct hash_entry *e = entry_find(h, key, hash);
	if (e) {
		void *old = e->value;
		e->value = value;
		return old;
	}
	if (h->used == h->capacity)
		hash_rebuild(h);
	h->entries[h->used] = (struct hash_entry){
		.hash = hash,
		.key = slice_of(mem_str(key), key.len),
		.value = value,
	};
	index_add(h, h->used++);
	h->live++;
	return NULL;
}

void *hash_remove(struct hash *h, struct slice key)
{
	struct hash_entry *e = h->live > 0 ? entry_find(h, key, hash_bytes(key)) : NULL;
	if (!e)
		return NULL;
	void *value = e->value;
	free((char *)(uintptr_t)e->key.data);
	e->value = NULL;
	h->live--;
	return value;
}

bool hash_next(const struct hash *h, size_t *position, struct slice *key_out, void **value_out)
{
	while (*position < h->used) {
		const struct hash_entry *e = &h->entries[(*position)++];
		if (!e->value)
			continue;
		*key_out = e->key;
		*value_out = e->value;
		return true;
	}
	return false;
}
