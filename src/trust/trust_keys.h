/* Which of our domains sign, and with what: the rows of dkim_rows.h, ready for use.
 *
 * Signers are read once and kept; what changes rows says so with trust_keys_changed(). Who signs
 * holds a snapshot meanwhile. */
#ifndef VEREDUS_TRUST_TRUST_KEYS_H
#define VEREDUS_TRUST_TRUST_KEYS_H

#include "trust/dkim_rows.h"
#include "trust/dkim_sign.h"
#include "trust/trust.h"

struct trust_signers;

/* [any thread] The keys of the domain, or of the nearest one above it that has some: then *signer
 * is valid until *hold is released. False: there are none. */
bool trust_signer_find(struct trust *t, struct slice domain, struct trust_signers **hold,
                       const struct dkim_signer **signer);
void trust_signer_release(struct trust_signers *hold);

/* After rows were changed. Parks the fiber. */
int trust_keys_changed(struct trust *t);

/* A key whose record was looked for in the DNS. */
struct trust_key_state {
	const struct dkim_row *row;
	enum trust_result found; /* pass: it is there; none; fail: another one; temperror */
	const char *name;        /* where it belongs */
	struct slice record;     /* what belongs there */
	struct slice text;       /* what is there, if that is something else */
	bool activated;          /* it waited, and signs from now on */
};
typedef void (*trust_key_visit)(const struct trust_key_state *state, void *arg);
/* Asks the DNS for the keys of a domain (empty: of all) and lets those that waited and are there
 * sign. 0, or an error of the store. Parks the fiber. */
int trust_keys_check(struct trust *t, struct slice domain, trust_key_visit visit, void *arg);

/* On a fiber: from now on keys that wait are looked for each hour, and old ones are forgotten. */
void trust_start(struct trust *t);

#endif
