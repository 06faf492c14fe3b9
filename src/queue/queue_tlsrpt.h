/* TLS reports (RFC 8460): what came of each session is counted here, and when the day (UTC) is over
 * the domains that ask for it are told.
 *
 * Counts lie in memory for some seconds and then in the store; a crash loses these seconds. A
 * report is made in one commit with the end of its counts, with the date at which it is to be sent,
 * some hours into the next day by chance, so that not all of the world reports at midnight. By mail
 * it enters the queue in the commit that notes it sent. */
#ifndef VEREDUS_QUEUE_QUEUE_TLSRPT_H
#define VEREDUS_QUEUE_QUEUE_TLSRPT_H

#include "client/tlsrpt.h"

struct queue;
struct queue_tlsrpt;

struct queue_tlsrpt *queue_tlsrpt_new(struct queue *q);
void queue_tlsrpt_free(struct queue_tlsrpt *t);
/* On the runtime. */
void queue_tlsrpt_start(struct queue_tlsrpt *t);

/* A host was tried by a policy: client is the session, or NULL with why there is none. */
void queue_tlsrpt_note(struct queue *q, const struct tls_policy_domain *domain,
                       const struct tls_policy *policy, const struct client_hop *hop,
                       const struct smtp_client *client, const struct smtp_outcome *outcome);
/* The MTA-STS policy of a domain could not be had. */
void queue_tlsrpt_note_sts(struct queue *q, const struct tls_policy_domain *domain);

/* Reports on all that was counted so far, today included, and sends what waits. 0, or an error of
 * the store. Parks the fiber. */
int queue_tlsrpt_send(struct queue *q);
/* A message that came to the address for reports: one that it holds is kept, for `veredus tlsrpt`.
 * trace: the fields that we put before it. Takes a copy and returns at once. [fiber] */
void queue_tlsrpt_receive(struct queue *q, struct slice from, struct slice trace,
                          struct slice message);

#endif
