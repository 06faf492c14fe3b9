/* Is this token good, and whose is it? Signed ones (JWT, RFC 7519) by the keys of who issues them
 * (JWKS, RFC 7517); and what any token claims. No I/O. [any thread]
 *
 * Signatures by public keys are taken (jwk.h). Those by a shared secret are not, and so no public
 * key can be taken for one; nor is "none". A key is used for its own kind of signature only. */
#ifndef VEREDUS_AUTH_OAUTH_TOKEN_H
#define VEREDUS_AUTH_OAUTH_TOKEN_H

#include <jansson.h>

#include "base/arena.h"

struct oauth_keys;

enum { OAUTH_KEYS_MAX = 64, OAUTH_KEYS_MAX_BYTES = 256 * 1024 };

/* From the JSON of a JWKS; keys that are not for signatures are left out. -EINVAL: that is none, or
 * it has no key that we could use. Begins with one reference. */
int oauth_keys_read(struct slice json, struct oauth_keys **out);
struct oauth_keys *oauth_keys_hold(struct oauth_keys *keys);
void oauth_keys_release(struct oauth_keys *keys);
size_t oauth_keys_count(const struct oauth_keys *keys);

/* The claims of a token, to be json_decref()ed. -EINVAL: no JWT, or of a kind that we don't take;
 * -ENOKEY: by a key that is not here; -EACCES: the signature is wrong. Takes a stack of a thread:
 * what a token says nests as deep as its writer likes. */
int oauth_verify(const struct oauth_keys *keys, struct slice token, json_t **claims_out);

struct oauth_rules {
	const char *issuer, *audience, *scope; /* must be so; NULL: may be anything */
	const char *account_claim;             /* who it is: "email" */
	int64_t leeway_s;                      /* between their clock and ours */
	bool must_expire;                      /* a token without an end is not good */
	bool must_name_issuer;
};
/* NULL if the claims are good at this time (seconds since 1970), with *name_out; or what is wrong,
 * in the words of RFC 6750 section 3.1, with *why_out for the operator. */
const char *oauth_check_claims(const struct oauth_rules *rules, const json_t *claims, int64_t now_s,
                               const char **name_out, const char **why_out);

#endif
