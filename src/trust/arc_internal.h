/* What verifying and sealing have in common. */
#ifndef VEREDUS_TRUST_ARC_INTERNAL_H
#define VEREDUS_TRUST_ARC_INTERNAL_H

#include "trust/arc.h"

/* The digest that the seal of set `last` signs (RFC 8617 section 5.1.1): of the sets from `first`
 * on, each with its results, message signature and seal; the last seal without what is in b=. */
void arc_seal_digest(struct arena *arena, const struct arc_set *sets, size_t first, size_t last,
                     const struct dkim_signature *seal, struct dkim_digest *out);

#endif
