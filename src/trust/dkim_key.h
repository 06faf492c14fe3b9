/* Public keys as they stand in the DNS: RFC 6376 section 3.6.1, RFC 8463 section 4.
 *
 *     v=DKIM1; k=rsa; t=s; p=MIGf...        SubjectPublicKeyInfo, or RSAPublicKey
 *     k=ed25519; p=11qY...                  32 bytes */
#ifndef VEREDUS_TRUST_DKIM_KEY_H
#define VEREDUS_TRUST_DKIM_KEY_H

#include "trust/dkim_signature.h"
#include "trust/trust_result.h"

struct evp_pkey_st;

enum {
	DKIM_RECORD_MAX = 16 * 1024,
	DKIM_RSA_BITS_MIN = 1024, /* RFC 8301 section 3.2 */
	DKIM_RSA_BITS_MAX = 8192, /* what checking one may cost */
};

struct dkim_key {
	struct evp_pkey_st *pkey; /* dkim_key_end() */
	bool ed25519;
	unsigned bits;
	bool testing; /* t=y: the domain only tries */
	bool exact;   /* t=s: i= must have the domain of d= itself */
	bool for_sha1, for_sha256;
	bool for_mail; /* s=; else only for reports on TLS (RFC 8460 section 3) */
};

/* Is this a key record at all? Other texts may stand at the same name. */
bool dkim_key_is_record(struct slice record);
/* NULL and a key, or what is wrong with it. */
const char *dkim_key_parse(struct arena *arena, struct slice record, struct dkim_key *out);
void dkim_key_end(struct dkim_key *key);

/* May the key be used for this signature, of mail or of a report on TLS? NULL, or why not. */
const char *dkim_key_fits(const struct dkim_key *key, const struct dkim_signature *s,
                          bool tls_report);
/* True if the key made the bytes from the digest of a header. */
bool dkim_key_verify(const struct dkim_key *key, const struct dkim_signature *s,
                     struct slice digest);

#endif
