/* Signing: RFC 6376 section 5. All signatures of a message are made over one pass of its body. */
#ifndef VEREDUS_TRUST_DKIM_SIGN_H
#define VEREDUS_TRUST_DKIM_SIGN_H

#include "trust/dkim_hash.h"

struct evp_pkey_st;

/* The keys with which a domain signs. */
enum { DKIM_SIGNER_KEYS_MAX = 4 };
struct dkim_signer {
	struct slice domain;
	struct dkim_signer_key {
		struct slice selector;
		enum dkim_algorithm algorithm;
		struct evp_pkey_st *key;
	} keys[DKIM_SIGNER_KEYS_MAX];
	size_t count;
};

/* The names for h=: what of a message should stay as it is. Names stand once more than there are
 * fields, so that none can be added (section 8.15), but for those that lists add. In the arena. */
size_t dkim_sign_names(struct arena *arena, const struct dkim_header *header, struct slice **out);

/* A signature field up to and including "b=": completed with a signature over the fields that
 * `shape` names and the field itself. In the arena, with its line end; empty if it failed. */
struct slice dkim_sign_field(struct arena *arena, struct dkim_header *header, struct slice begun,
                             const struct dkim_signature *shape, struct evp_pkey_st *key);
/* The same for bytes that are there already. */
struct slice dkim_sign_end(struct arena *arena, struct slice begun, struct slice bytes);
/* The SHA-256 of a body, relaxed; in the arena. */
struct slice dkim_sign_body(struct arena *arena, struct slice body);
/* "From:To:Subject", folded; in the arena. */
struct slice dkim_sign_list(struct arena *arena, const struct slice *names, size_t count);

/* DKIM-Signature fields, one a key, whole lines; empty if there is no key. Takes as long as the
 * body and the keys do: a millisecond for RSA. */
struct slice dkim_sign(struct arena *arena, const struct dkim_signer *signer, struct slice message,
                       size_t max_header_bytes, int64_t now_s);

#endif
