#include "trust/key_cache.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "base/hash.h"

struct dkim_keys {
	pthread_mutex_t lock;
	struct hash *known;
};

struct dkim_keys *dkim_keys_new(void)
{
	struct dkim_keys *keys = mem_zero(1, sizeof(*keys));
	pthread_mutex_init(&keys->lock, NULL);
	keys->known = hash_new();
	return keys;
}

static void forget_all(struct dkim_keys *keys)
{
	size_t position = 0;
	struct slice record;
	void *value;
	while (hash_next(keys->known, &position, &record, &value)) {
		dkim_key_end(value);
		free(value);
	}
	hash_free(keys->known);
}

void dkim_keys_free(struct dkim_keys *keys)
{
	if (!keys)
		return;
	forget_all(keys);
	pthread_mutex_destroy(&keys->lock);
	free(keys);
}

static bool find(struct dkim_keys *keys, struct slice record, struct dkim_key *out)
{
	pthread_mutex_lock(&keys->lock);
	const struct dkim_key *known = hash_find(keys->known, record);
	if (known) {
		*out = *known;
		EVP_PKEY_up_ref(out->pkey);
	}
	pthread_mutex_unlock(&keys->lock);
	return known != NULL;
}

/* When there are too many all are forgotten: those in use come back at once. */
static void remember(struct dkim_keys *keys, struct slice record, const struct dkim_key *key)
{
	pthread_mutex_lock(&keys->lock);
	if (hash_count(keys->known) >= DKIM_KEYS_MAX) {
		forget_all(keys);
		keys->known = hash_new();
	}
	if (!hash_find(keys->known, record)) {
		struct dkim_key *copy = mem_alloc(sizeof(*copy));
		*copy = *key;
		EVP_PKEY_up_ref(copy->pkey);
		hash_put(keys->known, record, copy);
	}
	pthread_mutex_unlock(&keys->lock);
}

const char *dkim_keys_get(struct dkim_keys *keys, struct arena *arena, struct slice record,
                          struct dkim_key *out)
{
	if (keys && find(keys, record, out))
		return NULL;
	const char *wrong = dkim_key_parse(arena, record, out);
	if (!wrong && keys)
		remember(keys, record, out);
	return wrong;
}
