#include "pop3/pop3_locks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "pop3/pop3.h"

struct pop3_locks {
	pthread_mutex_t mutex; /* never held across a wait */
	struct hash *accounts; /* by id; a member is locked */
};

struct pop3_locks *pop3_locks_new(void)
{
	struct pop3_locks *locks = mem_zero(1, sizeof(*locks));
	pthread_mutex_init(&locks->mutex, NULL);
	locks->accounts = hash_new();
	return locks;
}

void pop3_locks_free(struct pop3_locks *locks)
{
	if (!locks)
		return;
	hash_free(locks->accounts);
	pthread_mutex_destroy(&locks->mutex);
	free(locks);
}

bool pop3_lock(struct pop3_locks *locks, int64_t account_id)
{
	struct slice key = slice_of(&account_id, sizeof(account_id));
	pthread_mutex_lock(&locks->mutex);
	bool is_free = !hash_find(locks->accounts, key);
	if (is_free)
		hash_put(locks->accounts, key, locks);
	pthread_mutex_unlock(&locks->mutex);
	return is_free;
}

void pop3_unlock(struct pop3_locks *locks, int64_t account_id)
{
	struct slice key = slice_of(&account_id, sizeof(account_id));
	pthread_mutex_lock(&locks->mutex);
	hash_remove(locks->accounts, key);
	pthread_mutex_unlock(&locks->mutex);
}
