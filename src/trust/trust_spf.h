/* SPF of an envelope, for trust.h: of the sender's domain (MAIL FROM), and of the name in HELO.
 *
 *     struct trust_spf *spf = trust_spf_begin(t, &question);
 *     ...                                 begins to ask; what else there is to do
 *     const struct spf_answer *a = trust_spf_wait(spf, SPF_MAIL_FROM);
 *     trust_spf_end(spf);
 *
 * Both are asked about at the same time. On one worker. */
#ifndef VEREDUS_TRUST_TRUST_SPF_H
#define VEREDUS_TRUST_TRUST_SPF_H

#include "trust/spf.h"
#include "trust/trust.h"

enum trust_spf_identity { SPF_MAIL_FROM, SPF_HELO, SPF_IDENTITIES };

/* NULL: there is nothing to ask about. The message of the question may be missing. */
struct trust_spf *trust_spf_begin(struct trust *t, const struct trust_question *question);
/* Parks the fiber until it is known, or the time is over: then it is a temperror. NULL: that
 * identity is not checked. The answer lives as long as the check. */
const struct spf_answer *trust_spf_wait(struct trust_spf *s, enum trust_spf_identity identity);
/* What was asked about: "example.org". */
struct slice trust_spf_domain(const struct trust_spf *s, enum trust_spf_identity identity);
/* NULL is allowed. */
void trust_spf_end(struct trust_spf *s);

/* Waits for both, and adds what comes of it. */
void trust_add_spf(struct trust_results *r, struct arena *arena, struct trust_spf *s);
/* Received-SPF (RFC 7208 section 9.1): the whole field. Empty if nothing was asked. Waits as
 * trust_spf_wait() does. */
struct slice trust_received_spf(struct trust_spf *s, struct arena *arena);

#endif
