/* Public keys as JSON writes them (JWK, RFC 7517 and RFC 8037), and signatures by them (JWA, RFC
 * 7518). Over OpenSSL. [any thread]
 *
 * What is here: RSA of 2048 bits and more (RS256, RS384, RS512, PS256, PS384, PS512), the curves
 * P-256, P-384 and P-521 (ES256, ES384, ES512), and Ed25519 (EdDSA). Shared secrets are not keys
 * here. */
#ifndef VEREDUS_AUTH_JWK_H
#define VEREDUS_AUTH_JWK_H

#include <jansson.h>
#include <openssl/evp.h>

#include "base/arena.h"

struct jwk_algorithm;

/* NULL: none that we take. */
const struct jwk_algorithm *jwk_algorithm(const char *name);

/* NULL: no public key that we know. EVP_PKEY_free() it. */
EVP_PKEY *jwk_read(struct arena *a, const json_t *jwk);
/* Whether signatures of this kind are made with keys of this kind. */
bool jwk_fits(const EVP_PKEY *key, const struct jwk_algorithm *algorithm);
bool jwk_verify(EVP_PKEY *key, const struct jwk_algorithm *algorithm, struct slice text,
                struct slice signature);

/* base64url without padding (RFC 7515 section 2). */
bool jwk_decode(struct arena *a, struct slice text, struct slice *bytes_out);

#endif
