/* May this client send mail for that domain? RFC 7208, check_host() above all.
 *
 * Terms that ask the DNS are counted, and so are answers with nothing in them: whoever publishes a
 * record could otherwise have us ask for whatever they like. All has one deadline. Parks the
 * fiber. */
#ifndef VEREDUS_TRUST_SPF_H
#define VEREDUS_TRUST_SPF_H

#include "trust/spf_record.h"

struct dns;

enum {
	SPF_ADDRESSES_MAX = 10, /* hosts of one mx, names of one ptr: section 4.6.4 */
	SPF_EXPLANATION_MAX = 240,
};

/* All of it stays the caller's. */
struct spf_question {
	struct dns *dns;
	const struct net_address *client;
	struct slice helo;          /* as given */
	struct slice local, domain; /* of the sender; canonical */
	struct slice receiver;      /* our name */
	unsigned max_lookups, max_void;
	int64_t deadline;
};

struct spf_answer {
	enum trust_result result;
	const char *reason;       /* of an error; else "" */
	struct slice term;        /* that decided, or in which the error is */
	struct slice owner;       /* the domain whose record that was in */
	struct slice record;      /* of the domain that was asked about */
	struct slice explanation; /* of a fail, if there is one: printable ASCII */
	unsigned lookups, voids;
};
/* Written into the arena. */
void spf_check(struct arena *arena, const struct spf_question *question, struct spf_answer *out);

#endif
