/* Our own keys: made, kept in DER, and told to the DNS. */
#ifndef VEREDUS_TRUST_DKIM_PRIVATE_H
#define VEREDUS_TRUST_DKIM_PRIVATE_H

#include "trust/dkim_signature.h"

struct evp_pkey_st;

enum { DKIM_OUR_BITS = 2048, DKIM_OUR_BITS_MAX = 4096 };

/* A new key, in the arena. Takes half a second for RSA: not on a worker. NULL data: it failed. */
struct slice dkim_private_make(struct arena *arena, enum dkim_algorithm algorithm, unsigned bits);
/* NULL if it is none of that kind. EVP_PKEY_free() it. */
struct evp_pkey_st *dkim_private_read(enum dkim_algorithm algorithm, struct slice der);
/* "v=DKIM1; k=rsa; p=...", in the arena. */
struct slice dkim_private_record(struct arena *arena, enum dkim_algorithm algorithm,
                                 const struct evp_pkey_st *key);
/* The bytes of a signature, in the arena; empty if it failed. */
struct slice dkim_private_sign(struct arena *arena, enum dkim_algorithm algorithm,
                               struct evp_pkey_st *key, struct slice digest);

#endif
