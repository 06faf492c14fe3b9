#include "route/sender_keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "store/db.h"
#include "store/store.h"

#define LOOK_AGAIN_MS (5 * 1000)

struct sender_ring {
	struct store *store;
	enum sender_key_purpose purpose;
	int64_t rotate_ms, max_age_ms;
	pthread_mutex_t lock;
	struct sender_keys keys;
	int64_t looked_ms; /* monotonic: when keys were last looked for again */
};

struct turn {
	const struct sender_ring *ring;
	int64_t now_ms;
	struct sender_keys keys;
};

static int read_keys(struct db *db, const struct sender_ring *r, struct sender_keys *out)
{
	struct db_rows rows;
	out->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT made_ms, secret FROM sender_key WHERE purpose = $1"
	                  " ORDER BY made_ms DESC LIMIT $2",
	                  "ii", (int64_t)r->purpose, (int64_t)SENDER_KEYS_MAX);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice secret = db_bytes(&rows, 1);
		if (secret.len != SENDER_KEY_BYTES)
			continue;
		struct sender_key *key = &out->keys[out->count++];
		key->made_ms = db_int(&rows, 0);
		memcpy(key->secret, secret.data, SENDER_KEY_BYTES);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int read_all(struct db *db, void *arg)
{
	struct sender_ring *r = arg;
	return read_keys(db, r, &r->keys);
}

int sender_ring_open(struct store *store, enum sender_key_purpose purpose, int64_t rotate_ms,
                     int64_t max_age_ms, struct sender_ring **out)
{
	struct sender_ring *r = mem_zero(1, sizeof(*r));
	r->store = store;
	r->purpose = purpose;
	r->rotate_ms = rotate_ms;
	r->max_age_ms = max_age_ms;
	pthread_mutex_init(&r->lock, NULL);
	int rc = store_read(store, read_all, r);
	if (rc < 0)
		sender_ring_close(r);
	else
		*out = r;
	return rc;
}

void sender_ring_close(struct sender_ring *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	OPENSSL_cleanse(&r->keys, sizeof(r->keys));
	free(r);
}

/* --- a new one ------------------------------------------------------------------------ */

/* Set back by the clock, keys seem to be of the future: those are good, too. */
static bool is_due(const struct sender_ring *r, const struct sender_keys *keys, int64_t now_ms)
{
	return keys->count == 0 || now_ms - keys->keys[0].made_ms >= r->rotate_ms;
}

/* Others may have made one meanwhile. */
static int turn_in_commit(struct db *db, void *arg)
{
	struct turn *t = arg;
	const struct sender_ring *r = t->ring;
	char secret[SENDER_KEY_BYTES];
	int rc = read_keys(db, r, &t->keys);
	if (rc < 0 || !is_due(r, &t->keys, t->now_ms))
		return rc;
	random_bytes(secret, sizeof(secret));
	rc = db_run(db, "INSERT INTO sender_key (purpose, made_ms, secret) VALUES ($1, $2, $3)",
	            "iib", (int64_t)r->purpose, t->now_ms, slice_of(secret, sizeof(secret)));
	OPENSSL_cleanse(secret, sizeof(secret));
	/* One signs until the next is made, and addresses live on after that. */
	if (rc == 0)
		rc = db_run(db, "DELETE FROM sender_key WHERE purpose = $1 AND made_ms < $2", "ii",
		            (int64_t)r->purpose, t->now_ms - 2 * r->rotate_ms - r->max_age_ms);
	return rc == 0 ? read_keys(db, r, &t->keys) : rc;
}

struct sender_keys sender_ring_keys(struct sender_ring *r)
{
	pthread_mutex_lock(&r->lock);
	struct sender_keys keys = r->keys;
	pthread_mutex_unlock(&r->lock);
	return keys;
}

struct sender_keys sender_ring_fresh(struct sender_ring *r, int64_t now_ms)
{
	struct turn t = { .ring = r, .now_ms = now_ms, .keys = sender_ring_keys(r) };
	if (!is_due(r, &t.keys, now_ms))
		return t.keys;
	int rc = store_commit(r->store, NULL, 0, turn_in_commit, &t);
	if (rc < 0) {
		log_error("route.sender_key.failed", kv_error(rc));
		return sender_ring_keys(r);
	}
	pthread_mutex_lock(&r->lock);
	r->keys = t.keys;
	pthread_mutex_unlock(&r->lock);
	return t.keys;
}

/* --- what others have made ------------------------------------------------------------ */

/* Strangers forge as many addresses as they like: keys are not read for each. */
static bool may_look_again(struct sender_ring *r)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&r->lock);
	bool may = r->looked_ms == 0 || now_ms - r->looked_ms >= LOOK_AGAIN_MS;
	if (may)
		r->looked_ms = now_ms;
	pthread_mutex_unlock(&r->lock);
	return may;
}

bool sender_ring_look_again(struct sender_ring *r, struct db *db, struct sender_keys *keys)
{
	if (!may_look_again(r))
		return false;
	int rc = read_keys(db, r, keys);
	if (rc < 0) {
		log_error("route.sender_key.failed", kv_error(rc));
		return false;
	}
	pthread_mutex_lock(&r->lock);
	bool is_newer = keys->count > 0 &&
	                (r->keys.count == 0 || keys->keys[0].made_ms > r->keys.keys[0].made_ms);
	if (is_newer)
		r->keys = *keys;
	pthread_mutex_unlock(&r->lock);
	return is_newer;
}
