/* SCRAM (RFC 5802, RFC 7677): what an account has for it, or a stranger is shown in its place.
 *
 * A SCRAM server tells the salt before the client has proved anything. So that nobody learns from
 * it which accounts there are, a name without an account has a salt too: always the same, made of
 * the installation's key and the name, for every way to write the name. */
#ifndef VEREDUS_AUTH_SCRAM_H
#define VEREDUS_AUTH_SCRAM_H

#include "auth/auth.h"

struct auth_exchange;

/* base64, and digits. In the arena. */
struct scram_secret {
	const char *iterations, *salt, *stored_key, *server_key;
};

struct scram_finding {
	struct scram_secret secret;
	struct auth_identity identity;
	bool may_login; /* false: a decoy, or a disabled account; no proof is good enough */
};

/* kind: PASSWORD_KIND_SCRAM or PASSWORD_KIND_SCRAM_SHA1. Errors are the store's. */
int scram_find(struct store *store, struct arena *arena, const uint8_t *key, const char *kind,
               struct slice name, struct scram_finding *out);

/* A struct sasl_mechanism's, whose kind of verifier says with which hash, and which binds if it
 * needs SASL_OFFER_BINDING. */
enum auth_result scram_speak(struct auth_exchange *e, struct slice said,
                             struct slice *challenge_out);

#endif
