/* DMARC for trust.h: what the author's domain wants done with a message that nobody of it has sent.
 *
 * Its policy is looked for while signatures are checked; whether it applies is known when SPF and
 * DKIM are. A message of authors in several domains is checked for each. */
#ifndef VEREDUS_TRUST_TRUST_DMARC_H
#define VEREDUS_TRUST_TRUST_DMARC_H

#include "trust/trust_spf.h"

struct trust_dmarc;

/* NULL: it is not wanted. */
struct trust_dmarc *trust_dmarc_begin(struct trust *t, struct slice message);
/* Behind all other methods. Parks the fiber. */
void trust_add_dmarc(struct trust_results *r, struct arena *arena, struct trust_dmarc *d,
                     struct trust_spf *spf);
/* NULL is allowed. */
void trust_dmarc_end(struct trust_dmarc *d);

#endif
