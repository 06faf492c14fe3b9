/* Verifying the signatures of a message: RFC 6376 section 6.
 *
 *     dkim_check_begin()     finds the signatures, hashes the body once
 *     dkim_check_question()  the names of the keys that are to be asked for; the caller asks the
 *                            DNS for all at once
 *     dkim_check_answer()    what came
 *     dkim_check_end()       the verdicts
 *
 * Nothing here waits. Each verdict holds what it was made from, for `veredus explain`. */
#ifndef VEREDUS_TRUST_DKIM_VERIFY_H
#define VEREDUS_TRUST_DKIM_VERIFY_H

#include "trust/dkim_hash.h"
#include "trust/dkim_key.h"

struct dkim_rules {
	unsigned max_signatures; /* that are verified, from the top; at most DKIM_SIGNATURES_MAX */
	bool partial_body;       /* l= may leave a part of the body unsigned */
	bool tls_report;         /* the message says it is one: keys for these may sign it */
	int64_t now_s;           /* wall clock */
};
enum { DKIM_SIGNATURES_MAX = 20, DKIM_RECORDS_MAX = 8 };

struct dkim_verdict {
	enum trust_result result;
	const char *reason; /* for people; never NULL */
	struct dkim_signature signature;
	struct slice field;     /* whole */
	int body;               /* the place of its body hash, or -1 */
	struct slice body_hash; /* of the body that is there; empty: not looked at */
	uint64_t body_bytes;    /* canonical, of which */
	uint64_t signed_bytes;  /* so many are signed */
	const char *key_name;   /* NULL: it was decided without the key */
	struct slice key_record;
	unsigned key_bits;
	bool testing;        /* t=y */
	bool tls_report;     /* keys for reports on TLS may be used */
	bool report_only;    /* the key is only for these: it speaks for nobody else */
	const char *changed; /* what is wrong with the body; NULL: nothing */
	bool is_open;        /* nothing has decided it yet */
};

struct dkim_check {
	struct arena *arena;
	struct dkim_header *header;
	struct dkim_rules rules;
	struct dkim_verdict *verdicts;
	size_t count;
	size_t found; /* signatures in the message; count is no more than the rules allow */
};

/* Keys that were read before; trust/key_cache.h. */
struct dkim_keys;

/* The first half of one verdict, and what the body must say; also for ARC-Message-Signature. */
void dkim_verdict_begin(struct arena *arena, enum dkim_kind kind, struct slice field,
                        const struct dkim_rules *rules, struct dkim_bodies *bodies,
                        struct dkim_verdict *out);
void dkim_verdict_compare(struct arena *arena, const struct dkim_rules *rules,
                          const struct dkim_bodies *bodies, struct dkim_verdict *v);
/* result: of dns_txt(); texts: the records. Decides what the key and the body decide; what is right
 * about it so far stays open, and key_out has the key. True if it does. */
bool dkim_verdict_key(struct arena *arena, struct dkim_keys *keys, int result,
                      const struct slice *texts, size_t count, struct dkim_verdict *v,
                      struct dkim_key *key_out);
void dkim_verdict_decide(const struct dkim_key *key, struct slice digest, struct dkim_verdict *v);

/* Parses, and says which bodies are wanted; after dkim_bodies_end() dkim_check_compare(). */
void dkim_check_begin(struct dkim_check *c, struct arena *arena, struct dkim_header *header,
                      const struct dkim_rules *rules, struct dkim_bodies *bodies);
void dkim_check_compare(struct dkim_check *c, const struct dkim_bodies *bodies);
/* Decides the verdict i with the answer to its key_name. */
void dkim_check_answer(struct dkim_check *c, struct dkim_keys *keys, size_t i, int result,
                       const struct slice *texts, size_t count);

#endif
