/* Domains that one set of hosts takes the mail of are one destination: a thousand domains at one
 * provider share connections, limits and pauses.
 *
 * Which hosts those are is known when a connection is made. So mail for a domain of which nothing
 * is known yet waits under its own name; the fiber that is to connect asks the DNS, notes the hosts
 * here, and moves it. From then on mail for it is put there at once, for half an hour; a connection
 * that is opened later looks whether it is still so. [any thread] */
#ifndef VEREDUS_QUEUE_QUEUE_GROUP_H
#define VEREDUS_QUEUE_QUEUE_GROUP_H

#include "client/tls_policy.h"

struct queue_groups;

struct queue_groups *queue_groups_new(void);
void queue_groups_free(struct queue_groups *g);

/* The destination of what client_choose_key() names: that of its hosts as far as they are known,
 * else the same. In the arena, or base. */
struct slice queue_groups_find(struct queue_groups *g, struct arena *arena, struct slice base);
void queue_groups_note(struct queue_groups *g, struct slice base, struct slice group);

/* The name for a route, "mx:mx1.example.test,mx2.example.test;backup.example.test": its hosts by
 * preference, then by name, with what distinguishes TLS there. base for a route that shares with no
 * other: not by MX, or by an MTA-STS policy, which is of one domain. Pure. */
struct slice queue_group_of(struct arena *arena, struct slice base, struct slice domain,
                            const struct client_route *route,
                            const struct tls_policy_domain *policy);

#endif
