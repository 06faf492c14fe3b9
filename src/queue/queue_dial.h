/* Dialling: from the hosts of a route to a connection that mail can go over. One host after the
 * other by preference; the addresses of each side by side (net/conn_race.h); TLS as the policy of
 * the host wants it, and what came of that counted for reports (RFC 8460).
 *
 *     queue_dial_prepare(&dial, route)
 *     queue_policy_find(..., &dial.domain, ...)
 *     queue_dial(&dial, route, &outcome)      -> dial.client, for smtp_client_send() or _verify()
 */
#ifndef VEREDUS_QUEUE_QUEUE_DIAL_H
#define VEREDUS_QUEUE_QUEUE_DIAL_H

#include "queue/queue_internal.h"

struct queue_dial {
	/* The caller's, before all. */
	struct queue *queue;
	struct arena *arena; /* texts lie there; kept as long as the connection */
	enum queue_tls_need need;
	struct tls_policy_domain domain; /* what holds for all hosts */
	struct smtp_client_config config;
	/* Of the connection, or of the host that was tried last. */
	struct smtp_client *client; /* NULL: none */
	struct tls_policy policy;
	const char *host;             /* NULL: none was tried */
	const struct client_hop *hop; /* of route; with a client */
};

/* Sets config: how the hosts of the route are spoken to. The caller may shorten its time-outs, and
 * give a deadline for all of it. */
void queue_dial_prepare(struct queue_dial *d, const struct client_route *route);

/* The first host that is ready for mail. 0, with client; or a negative errno and *outcome: of
 * several that fail, what may work later. config, policy and arena must stay as they are while
 * there is a client. */
int queue_dial(struct queue_dial *d, const struct client_route *route,
               struct smtp_outcome *outcome);

/* QUIT, if there is a client. */
void queue_dial_end(struct queue_dial *d);

#endif
