/* DKIM-Signature (RFC 6376 section 3.5), and the fields of ARC that look like it (RFC 8617 section
 * 4.1). Pure. */
#ifndef VEREDUS_TRUST_DKIM_SIGNATURE_H
#define VEREDUS_TRUST_DKIM_SIGNATURE_H

#include "base/arena.h"
#include "trust/dkim_canon.h"

enum dkim_kind {
	DKIM_KIND_SIGNATURE,
	DKIM_KIND_ARC_MESSAGE, /* ARC-Message-Signature: i= is the instance, there is no v= */
	DKIM_KIND_ARC_SEAL,    /* ARC-Seal: no h=, no body hash; cv= */
	DKIM_KIND_DOMAINKEY,   /* DomainKey-Signature (RFC 4870): no body hash, h= is optional */
};
enum dkim_algorithm { DKIM_RSA_SHA1, DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

enum {
	DKIM_FIELD_MAX = 32 * 1024, /* bytes of a signature field that are looked at */
	DKIM_NAMES_MAX = 500,       /* in h= */
	DKIM_SIGNATURE_BYTES_MAX = 2048,
	ARC_INSTANCE_MAX = 50, /* RFC 8617 section 4.2.1 */
};

struct dkim_signature {
	enum dkim_kind kind;
	enum dkim_algorithm algorithm;
	enum dkim_canon header_canon, body_canon;
	struct slice domain;   /* d=, canonical */
	struct slice selector; /* s=, canonical */
	struct slice identity; /* i=, as it stands; "@" and the domain if it is not there */
	bool identity_below;   /* it is in a domain below d= */
	struct slice *names;   /* h=, in order; one that is there twice is there twice */
	size_t name_count;
	struct slice body_hash; /* bytes */
	struct slice bytes;     /* of the signature */
	bool has_length;
	uint64_t length;             /* l= */
	int64_t signed_s, expires_s; /* -1: not told */
	unsigned instance;           /* of ARC: 1 to ARC_INSTANCE_MAX */
	struct slice chain;          /* cv= */
	/* Where the value of b= stands in the field, with all white space: it is left out of what
	 * is signed. */
	size_t bytes_at, bytes_len;
};

/* Reads a whole field, name and all. NULL, or what is wrong with it; then out has what could be
 * read, domain and selector above all, and empty slices. */
const char *dkim_signature_parse(struct arena *arena, enum dkim_kind kind, struct slice field,
                                 struct dkim_signature *out);

const char *dkim_algorithm_name(enum dkim_algorithm algorithm);
const char *dkim_canon_name(enum dkim_canon canon);
/* The name that the key is asked for by. */
const char *dkim_key_name(struct arena *arena, const struct dkim_signature *s);

#endif
