/* Which of our addresses a connection comes from: those of its way, else those of section queue,
 * taken in turn. One that can't be had is passed over for the next. */
#ifndef VEREDUS_QUEUE_QUEUE_SOURCE_H
#define VEREDUS_QUEUE_QUEUE_SOURCE_H

#include "client/client_route.h"

struct queue;

/* As smtp_client_open(), but sets source and helo of config. way: the section that has the mail, or
 * NULL. -EAFNOSUPPORT with *outcome (4.4.3) if no address is of the hop's family. */
int queue_source_open(struct queue *q, const struct config_smarthost *way,
                      struct smtp_client_config *config, const struct client_hop *hop,
                      struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome);

/* Those that a way has; NULL if it may come from any. */
const struct config_sources *queue_source_pool(const struct config *config,
                                               const struct config_smarthost *way);

#endif
