/* The keys of SRS: rows, and a copy of them in memory. */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "route/srs.h"
#include "store/db.h"
#include "store/store.h"

#define LOOK_AGAIN_MS (5 * 1000)

struct srs {
	struct store *store;
	const struct config_forward *config;
	struct slice domain;
	pthread_mutex_t lock;
	struct srs_keys keys;
	int64_t looked_ms; /* monotonic: when keys were last looked for again */
};

struct turn {
	const struct srs *srs;
	int64_t now_ms;
	struct srs_keys keys;
};

static int read_keys(struct db *db, struct srs_keys *out)
{
	struct db_rows rows;
	out->count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT made_ms, secret FROM srs_key ORDER BY made_ms DESC LIMIT $1", "i",
	                  (int64_t)SRS_KEYS_MAX);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice secret = db_bytes(&rows, 1);
		if (secret.len != SRS_KEY_BYTES)
			continue;
		struct srs_key *key = &out->keys[out->count++];
		key->made_ms = db_int(&rows, 0);
		memcpy(key->secret, secret.data, SRS_KEY_BYTES);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int read_all(struct db *db, void *arg)
{
	struct srs *s = arg;
	return read_keys(db, &s->keys);
}

int srs_open(struct store *store, const struct config *config, struct srs **out)
{
	*out = NULL;
	if (!config->forward.srs)
		return 0;
	struct srs *s = mem_zero(1, sizeof(*s));
	const char *domain = config->forward.srs_domain;
	s->store = store;
	s->config = &config->forward;
	s->domain = slice_from_str(domain ? domain : config->hostname);
	pthread_mutex_init(&s->lock, NULL);
	int rc = store_read(store, read_all, s);
	if (rc < 0)
		srs_close(s);
	else
		*out = s;
	return rc;
}

void srs_close(struct srs *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	OPENSSL_cleanse(&s->keys, sizeof(s->keys));
	free(s);
}

struct slice srs_domain(const struct srs *s) { return s->domain; }

/* --- a new one ------------------------------------------------------------------------ */

/* Set back by the clock, keys seem to be of the future: those are good, too. */
static bool is_due(const struct srs *s, const struct srs_keys *keys, int64_t now_ms)
{
	return keys->count == 0 || now_ms - keys->keys[0].made_ms >= s->config->srs_rotate_ms;
}

/* Others may have made one meanwhile. */
static int turn_in_commit(struct db *db, void *arg)
{
	struct turn *t = arg;
	const struct config_forward *c = t->srs->config;
	char secret[SRS_KEY_BYTES];
	int rc = read_keys(db, &t->keys);
	if (rc < 0 || !is_due(t->srs, &t->keys, t->now_ms))
		return rc;
	random_bytes(secret, sizeof(secret));
	rc = db_run(db, "INSERT INTO srs_key (made_ms, secret) VALUES ($1, $2)", "ib", t->now_ms,
	            slice_of(secret, sizeof(secret)));
	/* One signs until the next is made, and addresses live on after that. */
	if (rc == 0)
		rc = db_run(db, "DELETE FROM srs_key WHERE made_ms < $1", "i",
		            t->now_ms - 2 * c->srs_rotate_ms - c->srs_max_age_ms);
	return rc == 0 ? read_keys(db, &t->keys) : rc;
}

static struct srs_keys copy_keys(struct srs *s)
{
	pthread_mutex_lock(&s->lock);
	struct srs_keys keys = s->keys;
	pthread_mutex_unlock(&s->lock);
	return keys;
}

static struct srs_keys fresh_keys(struct srs *s, int64_t now_ms)
{
	struct turn t = { .srs = s, .now_ms = now_ms, .keys = copy_keys(s) };
	if (!is_due(s, &t.keys, now_ms))
		return t.keys;
	int rc = store_commit(s->store, NULL, 0, turn_in_commit, &t);
	if (rc < 0) {
		log_error("route.srs.failed", kv_error(rc));
		return copy_keys(s);
	}
	pthread_mutex_lock(&s->lock);
	s->keys = t.keys;
	pthread_mutex_unlock(&s->lock);
	return t.keys;
}

/* --- use ------------------------------------------------------------------------------ */

/* Strangers forge as many addresses as they like: keys are not read for each. */
static bool may_look_again(struct srs *s)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&s->lock);
	bool may = s->looked_ms == 0 || now_ms - s->looked_ms >= LOOK_AGAIN_MS;
	if (may)
		s->looked_ms = now_ms;
	pthread_mutex_unlock(&s->lock);
	return may;
}

static bool look_again(struct srs *s, struct db *db, struct srs_keys *keys)
{
	if (!may_look_again(s))
		return false;
	int rc = read_keys(db, keys);
	if (rc < 0) {
		log_error("route.srs.failed", kv_error(rc));
		return false;
	}
	pthread_mutex_lock(&s->lock);
	bool is_newer = keys->count > 0 &&
	                (s->keys.count == 0 || keys->keys[0].made_ms > s->keys.keys[0].made_ms);
	if (is_newer)
		s->keys = *keys;
	pthread_mutex_unlock(&s->lock);
	return is_newer;
}

enum srs_result srs_find(struct srs *s, struct db *db, struct arena *arena, struct slice local,
                         struct address *out)
{
	struct srs_keys keys = copy_keys(s);
	int64_t now_ms = clock_wall_ms(), max_age_ms = s->config->srs_max_age_ms;
	enum srs_result found = srs_reverse(arena, &keys, local, now_ms, max_age_ms, out);
	if (found == SRS_FORGED && look_again(s, db, &keys))
		found = srs_reverse(arena, &keys, local, now_ms, max_age_ms, out);
	return found;
}

struct slice srs_sender(struct srs *s, struct arena *arena, struct slice path)
{
	struct address sender, out;
	int64_t now_ms = clock_wall_ms();
	struct srs_keys keys = fresh_keys(s, now_ms);
	if (!address_parse(arena, path, ADDRESS_ALLOW_UTF8, &sender) ||
	    !srs_rewrite(arena, &keys, &sender, s->domain, now_ms, &out))
		return path;
	return address_text(arena, &out);
}
