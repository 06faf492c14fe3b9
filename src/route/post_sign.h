/* Signing what goes to other hosts (trust/trust_keys.h). Only the post office uses this.
 *
 * It is signed by the domain of its author, or the nearest one above that has keys, if who sends it
 * may write as that author; else by the domain of the account. Our own reports are signed by the
 * domain that they come from. */
#ifndef VEREDUS_ROUTE_POST_SIGN_H
#define VEREDUS_ROUTE_POST_SIGN_H

#include "route/post_internal.h"

/* The fields to be put on top of the message, in the arena; empty: it is not to be signed.
 * domain_out says by whom. Parks the fiber. */
struct slice post_sign(struct post *p, struct arena *arena, const struct post_client *client,
                       const struct post_envelope *envelope, struct slice message,
                       struct slice *domain_out);

#endif
