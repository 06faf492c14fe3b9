/* DomainKeys (RFC 4870), which came before DKIM: signatures of old mail. They are verified and
 * told of; nothing else is made of them, and nobody signs so any more.
 *
 *     domainkeys_begin()    finds the signature: the topmost DomainKey-Signature
 *     domainkeys_hash()     what it signs: the header below it, and the body
 *     domainkeys_answer()   what the DNS says of the key: the verdict
 *     domainkeys_policy()   likewise of the domain's policy, which is only shown
 *
 * As in dkim_verify.h, nothing here waits. */
#ifndef VEREDUS_TRUST_DOMAINKEYS_H
#define VEREDUS_TRUST_DOMAINKEYS_H

#include "trust/dkim_verify.h"

struct domainkeys_check {
	struct arena *arena;
	struct dkim_header *header;
	bool present;
	size_t at; /* the place of the signature among the fields */
	struct dkim_verdict verdict;
	struct dkim_digest digest;
	/* Who has sent it: of Sender, else of From. NULL and empty: it can't be told. */
	const char *sender_field; /* "sender" or "from" */
	struct slice sender;      /* "ann@example.org" */
	struct slice local;
	/* Of the domain (section 3.6): which of its mail it says it signs. NULL: not asked for. */
	const char *policy_name;
	struct slice policy;
};

void domainkeys_begin(struct domainkeys_check *c, struct arena *arena, struct dkim_header *header);
/* Takes a while for a large message; may be on another thread. */
void domainkeys_hash(struct domainkeys_check *c);
/* Only while the verdict is open, for its key_name. */
void domainkeys_answer(struct domainkeys_check *c, struct dkim_keys *keys, int result,
                       const struct slice *texts, size_t count);
void domainkeys_policy(struct domainkeys_check *c, const struct slice *texts, size_t count);

#endif
