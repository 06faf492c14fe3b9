/* Which of our addresses a connection comes from: those of its way, else those of section queue,
 * taken in turn. One that can't be had is passed over for the next. */
#ifndef VEREDUS_QUEUE_QUEUE_SOURCE_H
#define VEREDUS_QUEUE_QUEUE_SOURCE_H

#include "client/client_route.h"

struct queue;

/* Where a connection comes from, and the name for EHLO there. */
struct queue_source {
	const struct net_address *address; /* NULL: what the system says */
	const char *helo;
};

/* As conn_connect(). way: the section that has the mail, or NULL. -EAFNOSUPPORT if none of its
 * addresses is of the hop's family. */
int queue_source_connect(struct queue *q, const struct config_smarthost *way,
                         const struct client_hop *hop, int64_t deadline,
                         struct queue_source *source_out, struct conn **out);

/* Those that a way has; NULL if it may come from any. */
const struct config_sources *queue_source_pool(const struct config *config,
                                               const struct config_smarthost *way);

#endif
