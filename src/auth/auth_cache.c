#include "auth/auth_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

#include "base/codec.h"

enum { KEY_BYTES = 32, DIGEST_BYTES = 32, TAG_BYTES = 16 };

struct slot {
	uint8_t tag[TAG_BYTES];
	int64_t until_ms; /* 0: empty */
};

struct auth_cache {
	uint8_t key[KEY_BYTES];
	pthread_mutex_t lock;
	struct slot slots[AUTH_CACHE_SLOTS];
};

struct auth_cache *auth_cache_new(void)
{
	struct auth_cache *c = mem_zero(1, sizeof(*c));
	random_bytes(c->key, sizeof(c->key));
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void auth_cache_free(struct auth_cache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

/* The verifier's NUL parts it from the password. The first half of the digest is the tag, the
 * second chooses the slot. */
static bool digest(const struct auth_cache *c, const char *verifier, struct slice password,
                   uint8_t out[static DIGEST_BYTES])
{
	struct buf text = buf_make(1 << 16);
	unsigned len = DIGEST_BYTES;
	buf_append(&text, slice_of(verifier, strlen(verifier) + 1));
	buf_append(&text, password);
	bool good = !buf_failed(&text) && HMAC(EVP_sha256(), c->key, KEY_BYTES,
	                                       (const uint8_t *)text.data, text.len, out, &len);
	OPENSSL_cleanse(text.data, text.len);
	buf_free(&text);
	return good;
}

static struct slot *slot_of(struct auth_cache *c, const uint8_t digest[static DIGEST_BYTES])
{
	size_t number = (size_t)digest[TAG_BYTES] << 8 | digest[TAG_BYTES + 1];
	return &c->slots[number % AUTH_CACHE_SLOTS];
}

bool auth_cache_has(struct auth_cache *c, const char *verifier, struct slice password,
                    int64_t now_ms)
{
	uint8_t wanted[DIGEST_BYTES];
	if (!digest(c, verifier, password, wanted))
		return false;
	const struct slot *slot = slot_of(c, wanted);
	pthread_mutex_lock(&c->lock);
	bool found = slot->until_ms > now_ms && CRYPTO_memcmp(slot->tag, wanted, TAG_BYTES) == 0;
	pthread_mutex_unlock(&c->lock);
	return found;
}

void auth_cache_add(struct auth_cache *c, const char *verifier, struct slice password,
                    int64_t until_ms)
{
	uint8_t wanted[DIGEST_BYTES];
	if (!digest(c, verifier, password, wanted))
		return;
	struct slot *slot = slot_of(c, wanted);
	pthread_mutex_lock(&c->lock);
	memcpy(slot->tag, wanted, TAG_BYTES);
	slot->until_ms = until_ms;
	pthread_mutex_unlock(&c->lock);
}
