/* Passwords for CRAM-MD5 (RFC 2195) and DIGEST-MD5 (RFC 2831), which need the password itself, or
 * what is as good as it, on the server. Only accounts that have opted in have one here, sealed by
 * AES-256-GCM with a key made of the installation's: the database alone does not give it away, the
 * data directory does. [any thread] */
#ifndef VEREDUS_AUTH_LEGACY_H
#define VEREDUS_AUTH_LEGACY_H

#include "auth/auth.h"

#define LEGACY_KIND "sealed"

/* A credential for the account with this address (canonical), in the arena. -EINVAL: no password.
 */
int legacy_seal(struct arena *arena, const uint8_t *key, struct slice address,
                struct slice password, const char **out);

struct legacy_finding {
	const char *password; /* of somebody who may not log in: a random one, which nobody knows */
	struct auth_identity identity;
	bool may_login;
};
/* Errors are the store's. */
int legacy_find(struct store *store, struct arena *arena, const uint8_t *key, struct slice name,
                struct legacy_finding *out);

/* Whether GNU SASL can be given this answer to a DIGEST-MD5 challenge: GNU SASL 2.2 takes a realm
 * for granted where the client does not say that it writes UTF-8, and ends the process. Only plain
 * directives are let through, so that both see the same: names in lower case, quoted values without
 * escapes. */
bool legacy_digest_is_plain(struct slice answer);

#endif
