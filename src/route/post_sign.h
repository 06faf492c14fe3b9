/* Signing what goes to other hosts (trust/trust_keys.h). Only the post office uses this.
 *
 * It is signed by the domain of its author, or the nearest one above that has keys, if who sends it
 * may write as that author; else by the domain of the account. Our own reports are signed by the
 * domain that they come from. */
#ifndef VEREDUS_ROUTE_POST_SIGN_H
#define VEREDUS_ROUTE_POST_SIGN_H

#include "route/post_internal.h"

/* The fields to be put on top of the message, in the arena; empty: there are none. A message that
 * is not ours gets a seal if an alias sends it on (alias empty: none does). by_out: ", signed by
 * example.org" for the journey. Parks the fiber. */
struct slice post_sign(struct post *p, struct arena *arena, const struct post_client *client,
                       const struct post_envelope *envelope, struct slice alias,
                       struct slice message, const char **by_out);

#endif
