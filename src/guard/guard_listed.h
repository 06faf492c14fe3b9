/* What lists in the DNS say about a session: its client, its names, the links in its message.
 *
 *     struct guard_listed *l = guard_listed_new(g, config);
 *     guard_listed_address(l, LIST_ASK_CLIENT, &client)   asks all lists that want to be, at once
 *     guard_listed_domain(l, LIST_ASK_HELO, helo)
 *     guard_listed_all(l, &count)                         waits for what was asked
 *
 * A list that does not answer in time, or answers with an error, has nothing to say: it fails open.
 * One that does so again and again is left alone for a while, and the operator is told. On one
 * worker. */
#ifndef VEREDUS_GUARD_GUARD_LISTED_H
#define VEREDUS_GUARD_GUARD_LISTED_H

#include <stdatomic.h>

#include "guard/guard.h"

struct guard_listed;

/* config: of the session, whose lists they are. */
struct guard_listed *guard_listed_new(struct guard *g, const struct config *config);
void guard_listed_end(struct guard_listed *l);
/* Each begins anew what of this kind was asked before. */
void guard_listed_address(struct guard_listed *l, enum dns_list_ask kind,
                          const struct net_address *address);
void guard_listed_domain(struct guard_listed *l, enum dns_list_ask kind, struct slice domain);
void guard_listed_links(struct guard_listed *l, struct slice message);
/* Forgets what was asked of a kind. */
void guard_listed_forget(struct guard_listed *l, enum dns_list_ask kind);
/* Waits for all, each for its time. Valid until the next call of this module for l. */
const struct guard_listing *guard_listed_all(struct guard_listed *l, size_t *count_out);

/* How a list does. [any thread] */
struct guard_list_state {
	atomic_uint_fast64_t listed, clear, failed;
	atomic_uint failures;            /* in a row */
	atomic_int_fast64_t rests_until; /* monotonic ms */
};

#endif
