/* OAUTHBEARER (RFC 7628) and XOAUTH2: a client shows a token that somebody else has given it, and
 * is the account that is named in it.
 *
 * Either the token is a JWT, signed by a key of a JWKS, which comes from a file or a URL, is kept,
 * and is asked for again when it is old or when a token names a key that is not in it, but not more
 * often than refresh_ms. Or who issued it is asked about each token (introspection, RFC 7662).
 *
 * Only over TLS: a token is as good as a password. */
#ifndef VEREDUS_AUTH_OAUTH_H
#define VEREDUS_AUTH_OAUTH_H

#include "auth/oauth_token.h"
#include "auth/sasl.h"

struct oauth;

struct oauth_config {
	const char *keys;                      /* of a JWKS, a path or a URL; or NULL */
	const char *introspection;             /* a URL; or NULL. One of the two. */
	const char *client_id, *client_secret; /* for introspection; or NULL */
	const char *ca_path;                   /* for https; NULL: the system's */
	struct oauth_rules rules;
	int64_t timeout_ms, refresh_ms;
};

/* The texts of the configuration must outlive it. [any thread] */
struct oauth *oauth_new(const struct oauth_config *config);
void oauth_free(struct oauth *o);
const struct oauth_rules *oauth_rules(const struct oauth *o);

struct oauth_finding {
	const char *status; /* NULL: it is good; else as RFC 6750 section 3.1 */
	const char *name;   /* of whom the token speaks; "" if that is not known */
	const char *why;    /* for the log */
};
/* Texts are in the arena. -EAGAIN: there are no keys, or nobody answers (which is logged).
 * from: the client's address, or NULL. [fiber] */
int oauth_check(struct oauth *o, struct arena *arena, const struct net_address *from,
                struct slice token, struct oauth_finding *out);

/* A struct sasl_mechanism's. */
enum auth_result oauth_speak_bearer(struct auth_exchange *e, struct slice said,
                                    struct slice *challenge_out);
enum auth_result oauth_speak_xoauth2(struct auth_exchange *e, struct slice said,
                                     struct slice *challenge_out);

#endif
