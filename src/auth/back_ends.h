/* The back ends in their order (passdb.h), and the accounts of what they accept.
 *
 * All are asked until one accepts, so that a wrong password takes as long whether somebody knows
 * the name or not. A back end that does not answer makes the whole AUTH_UNAVAILABLE, unless another
 * accepts. [fiber] */
#ifndef VEREDUS_AUTH_BACK_ENDS_H
#define VEREDUS_AUTH_BACK_ENDS_H

#include "auth/auth.h"
#include "auth/auth_cache.h"
#include "directory/directory.h"

struct back_ends;

/* With no passdb in the configuration, or without a configuration (NULL), it is the internal
 * directory alone. The configuration must stay. */
int back_ends_open(const struct config *config, struct back_ends **out);
void back_ends_close(struct back_ends *b);
/* made: for accounts that are made at their first login. */
void back_ends_set_accounts(struct back_ends *b, directory_account_hook made);

size_t back_ends_count(const struct back_ends *b);
bool back_ends_is_internal(const struct back_ends *b, size_t place);
/* Is the internal directory among them; is it alone? */
bool back_ends_have_internal(const struct back_ends *b);
bool back_ends_have_others(const struct back_ends *b);

struct back_end_login {
	struct store *store;
	struct auth_cache *cache;
	struct arena *arena;
	const struct auth_client *client;
	struct slice name, password; /* of possible lengths */
	const char *service;
};
/* AUTH_OK: *account_out is there and enabled; strings in the arena. Not for the internal one. */
enum auth_result back_ends_check(struct back_ends *b, size_t place,
                                 const struct back_end_login *login, struct account *account_out);

#endif
