/* What clients say in OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's and Microsoft's, older), and
 * what they hear when the token is not good. Pure. */
#ifndef VEREDUS_AUTH_OAUTH_MESSAGE_H
#define VEREDUS_AUTH_OAUTH_MESSAGE_H

#include "base/arena.h"

struct oauth_message {
	struct slice identity; /* whom to act as; empty: whose the token is */
	struct slice token;    /* empty: the client only wants to know what is needed */
};

/* False: not what the mechanism looks like. Slices of the message, or in the arena. */
bool oauth_parse_bearer(struct arena *a, struct slice message, struct oauth_message *out);
bool oauth_parse_xoauth2(struct slice message, struct oauth_message *out);

/* The JSON that a client gets before it is refused: RFC 7628 section 3.2.2, and Google's form.
 * status: as RFC 6750 section 3.1 ("invalid_token", "insufficient_scope"). scope and issuer may be
 * NULL. In the arena. */
struct slice oauth_bearer_error(struct arena *a, const char *status, const char *scope,
                                const char *issuer);
struct slice oauth_xoauth2_error(struct arena *a, const char *scope);

#endif
