/* The Authenticated Received Chain: RFC 8617. Each host that passes a message on may add a set of
 * three fields, numbered from 1: what it found (ARC-Authentication-Results), the message as it was
 * then (ARC-Message-Signature), and a seal over all sets so far (ARC-Seal).
 *
 *     arc_check_begin()    finds the sets; which body hash is wanted
 *     arc_check_compare()  after dkim_bodies_end()
 *     arc_check_key()      the names of keys: 0 is that of the newest message signature, the others
 *                          those of the seals
 *     arc_check_answer()   what the DNS said of each, in any order; then arc_check_end()
 *
 * As in dkim_verify.h, nothing here waits. */
#ifndef VEREDUS_TRUST_ARC_H
#define VEREDUS_TRUST_ARC_H

#include "trust/authres.h"
#include "trust/dkim_sign.h"
#include "trust/dkim_verify.h"

struct arc_set {
	struct slice results, message, seal; /* fields, whole; empty: there is none */
	struct dkim_verdict seal_verdict;
	struct dkim_verdict message_verdict; /* of all but the newest, for oldest_pass */
};

struct arc_check {
	struct arena *arena;
	struct dkim_header *header;
	struct dkim_rules rules;
	struct arc_set *sets; /* the first is that of instance 1 */
	size_t count;
	struct dkim_verdict message; /* on the newest message signature */
	enum trust_result result;    /* none, pass, fail, or temperror */
	const char *reason;
	/* Of a chain that holds: the oldest instance from which on all message signatures do, so
	 * that nothing they sign was changed since; 0: all do (section 5.2, step 4). Older ones are
	 * checked if their key is that of their seal, so that nothing more is asked of the DNS. */
	size_t oldest_pass;
	bool newest_failed; /* the last who sealed it said cv=fail: there the chain ends for good */
};

void arc_check_begin(struct arc_check *c, struct arena *arena, struct dkim_header *header,
                     const struct dkim_rules *rules, struct dkim_bodies *bodies);
void arc_check_compare(struct arc_check *c, const struct dkim_bodies *bodies);
/* How many keys there may be to ask for; each name, or NULL if that is not needed. */
size_t arc_check_keys(const struct arc_check *c);
const char *arc_check_key(const struct arc_check *c, size_t i);
void arc_check_answer(struct arc_check *c, struct dkim_keys *keys, size_t i, int result,
                      const struct slice *texts, size_t count);
void arc_check_end(struct arc_check *c);

/* The domain of who added a set. */
struct slice arc_sealer(const struct arc_check *c, size_t i);
/* What a set says was found; false if it can't be read. */
bool arc_results(struct arena *arena, const struct arc_set *set, struct authres *out);

/* A set for the message as it is now, in whole lines, to be put on top of it: our results (a value
 * of Authentication-Results), and what became of the chain so far. Empty: it is sealed no more.
 * Takes as long as dkim_sign(). */
struct arc_sealing {
	struct slice domain;
	const struct dkim_signer_key *key;
	const struct arc_check *chain;
	struct slice results;
	struct slice message;
	size_t max_header_bytes;
	int64_t now_s;
};
struct slice arc_seal(struct arena *arena, const struct arc_sealing *s);

#endif
