/* Passwords that were right a moment ago.
 *
 * A mail program opens a handful of connections at once and comes back every few minutes; each
 * would cost as much hashing as a stranger's guess. What is remembered is a keyed digest of the
 * verifier and the password, for a while: a changed password has another verifier and so is not
 * found, and what is wrong is never remembered. The key is random and dies with the process.
 * [any thread] */
#ifndef VEREDUS_AUTH_AUTH_CACHE_H
#define VEREDUS_AUTH_AUTH_CACHE_H

#include "base/slice.h"

enum { AUTH_CACHE_SLOTS = 4096 }; /* of 24 bytes; a slot is taken over when two fall on it */

struct auth_cache;
struct auth_cache *auth_cache_new(void);
/* NULL is allowed. */
void auth_cache_free(struct auth_cache *c);
/* now_ms is monotonic. */
bool auth_cache_has(struct auth_cache *c, const char *verifier, struct slice password,
                    int64_t now_ms);
void auth_cache_add(struct auth_cache *c, const char *verifier, struct slice password,
                    int64_t until_ms);

#endif
