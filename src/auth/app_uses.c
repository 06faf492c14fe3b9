#include "auth/app_uses.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "directory/app_password.h"
#include "store/store.h"

enum { FLUSH_MS = 60000, USES_MAX = 4096 };

struct use {
	int64_t id, at_ms;
	char from[NET_ADDRESS_TEXT_MAX];
};

struct app_uses {
	pthread_mutex_t lock;
	struct hash *pending; /* by the bytes of the id */
	int64_t due_ms; /* monotonic: when the pending ones are to be written; 0: as they come */
	bool asked;     /* somebody was told to */
};

struct app_uses *app_uses_new(void)
{
	struct app_uses *u = mem_zero(1, sizeof(*u));
	pthread_mutex_init(&u->lock, NULL);
	u->pending = hash_new();
	return u;
}

void app_uses_free(struct app_uses *u)
{
	if (!u)
		return;
	hash_free_all(u->pending);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

bool app_uses_note(struct app_uses *u, int64_t id, const struct net_address *from)
{
	struct slice key = slice_of((const char *)&id, sizeof(id));
	struct use *fresh = mem_zero(1, sizeof(*fresh));
	fresh->id = id;
	fresh->at_ms = clock_wall_ms();
	if (from)
		net_address_ip(from, fresh->from);
	pthread_mutex_lock(&u->lock);
	free(hash_put(u->pending, key, fresh));
	bool due = !u->asked &&
	           (clock_monotonic_ms() >= u->due_ms || hash_count(u->pending) >= USES_MAX);
	u->asked = u->asked || due;
	pthread_mutex_unlock(&u->lock);
	return due;
}

static int write_uses(struct db *db, void *arg)
{
	struct hash *pending = arg;
	size_t position = 0;
	struct slice key;
	void *value;
	int rc = 0;
	while (rc == 0 && hash_next(pending, &position, &key, &value)) {
		const struct use *use = value;
		rc = directory_note_app_use(db, use->id, use->at_ms, slice_from_str(use->from));
	}
	return rc;
}

void app_uses_flush(struct app_uses *u, struct store *store)
{
	struct hash *taken = hash_new();
	pthread_mutex_lock(&u->lock);
	struct hash *pending = u->pending;
	u->pending = taken;
	u->due_ms = deadline_in(FLUSH_MS);
	u->asked = false;
	pthread_mutex_unlock(&u->lock);
	if (hash_count(pending) > 0) {
		int rc = store_commit(store, NULL, 0, write_uses, pending);
		if (rc < 0)
			log_warn("auth.app_uses", kv_error(rc));
	}
	hash_free_all(pending);
}
