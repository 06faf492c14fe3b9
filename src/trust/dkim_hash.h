/* What signatures are made of: digests of header fields and of bodies (RFC 6376 section 3.7). */
#ifndef VEREDUS_TRUST_DKIM_HASH_H
#define VEREDUS_TRUST_DKIM_HASH_H

#include "trust/dkim_signature.h"

struct evp_md_ctx_st;

enum { DKIM_DIGEST_MAX = 32 };

struct dkim_digest {
	uint8_t bytes[DKIM_DIGEST_MAX];
	size_t len;
};
static inline struct slice dkim_digest_slice(const struct dkim_digest *d)
{
	return slice_of(d->bytes, d->len);
}

/* A digest under way; a dkim_sink with it as its argument adds to it. */
struct dkim_hash {
	struct evp_md_ctx_st *context;
};
void dkim_hash_begin(struct dkim_hash *h, enum dkim_algorithm algorithm);
void dkim_hash_add(void *hash, struct slice piece);
void dkim_hash_end(struct dkim_hash *h, struct dkim_digest *out);

/* --- the header -------------------------------------------------------------------------- */

enum { DKIM_FIELDS_MAX = 2000, DKIM_BUCKETS = 64 };

/* The fields of a message, found by name from the bottom up (section 5.4.2). */
struct dkim_field {
	struct slice name, whole;
	unsigned above; /* of the same bucket: its place, from 1 on; 0: none */
	unsigned used;  /* in that round */
};
struct dkim_header {
	struct dkim_field *fields;
	size_t count;
	bool cut; /* there are more fields, or bytes, than are looked at: nothing can be checked */
	struct slice body;
	unsigned round;
	unsigned lowest[DKIM_BUCKETS];
};
void dkim_header_index(struct arena *arena, struct slice message, size_t max_bytes,
                       struct dkim_header *out);
/* The lowest field of that name that was not taken since the rewind; NULL: none is left. */
const struct dkim_field *dkim_header_take(struct dkim_header *h, struct slice name);
void dkim_header_rewind(struct dkim_header *h);

/* A signature's own field with what is in b= left out. In the arena. */
struct slice dkim_unsigned_field(struct arena *arena, struct slice field,
                                 const struct dkim_signature *s);
/* The digest that a signature signs: the fields it names, and itself. */
void dkim_header_digest(struct arena *arena, struct dkim_header *h, struct slice field,
                        const struct dkim_signature *s, struct dkim_digest *out);

/* --- the body ---------------------------------------------------------------------------- */

/* Digests of one body in all forms that are wanted, made in one pass. */
enum { DKIM_BODIES_MAX = 24 };
struct dkim_bodies {
	struct dkim_body_hash {
		enum dkim_canon canon;
		enum dkim_algorithm algorithm;
		uint64_t length; /* l=, or UINT64_MAX */
		uint64_t left;   /* of it, not hashed yet */
		struct dkim_hash hash;
		struct dkim_digest digest;
	} items[DKIM_BODIES_MAX];
	size_t count;
	uint64_t total[DKIM_RELAXED + 1]; /* canonical bytes, in the end */
	struct dkim_body *forms[DKIM_RELAXED + 1];
};
/* The place of the digest among the items; the same for signatures that want the same. Negative:
 * there are too many. Before the begin. */
int dkim_bodies_want(struct dkim_bodies *b, const struct dkim_signature *s);
void dkim_bodies_begin(struct dkim_bodies *b, struct arena *arena);
void dkim_bodies_add(struct dkim_bodies *b, struct slice piece);
void dkim_bodies_end(struct dkim_bodies *b);

#endif
