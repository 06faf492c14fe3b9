/* What the files of trust.h share. */
#ifndef VEREDUS_TRUST_TRUST_INTERNAL_H
#define VEREDUS_TRUST_TRUST_INTERNAL_H

#include <pthread.h>

#include "trust/trust.h"

struct store;

struct trust {
	const struct config *_Atomic config; /* in force: config_reload.h */
	struct dns *dns;
	struct store *store;    /* NULL: nothing is signed */
	struct dkim_keys *keys; /* of others */
	pthread_mutex_t lock;
	struct trust_signers *signers; /* ours; under the lock */
};

#endif
