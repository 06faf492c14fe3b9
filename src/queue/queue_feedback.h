/* Reports to other domains on a day of mail, and theirs to us: how TLS with their hosts went (RFC
 * 8460), and what came of DMARC for mail in their name (RFC 9990).
 *
 * What is seen is counted here, and when the day (UTC) is over the domains that ask for it are
 * told. Counts lie in memory for some seconds and then in the store; a crash loses these seconds. A
 * report is made in one commit with the end of its counts, with the date at which it is to be sent,
 * some hours into the next day by chance, so that not all of the world reports at midnight. By mail
 * it enters the queue in the commit that notes it sent.
 *
 *     queue_feedback          counts, and the clock
 *     queue_feedback_make     the counts of a day as reports
 *     queue_feedback_send     reports on their way
 *     queue_feedback_receive  reports of others
 *     queue_feedback_tls, queue_feedback_dmarc, queue_feedback_failure   what differs by kind */
#ifndef VEREDUS_QUEUE_QUEUE_FEEDBACK_H
#define VEREDUS_QUEUE_QUEUE_FEEDBACK_H

#include "client/report_rows.h"
#include "client/tlsrpt.h"
#include "trust/trust.h"

struct queue;
struct queue_feedback;

struct queue_feedback *queue_feedback_new(struct queue *q);
void queue_feedback_free(struct queue_feedback *f);
/* On the runtime. */
void queue_feedback_start(struct queue_feedback *f);

/* A host was tried by a policy: client is the session, or NULL with why there is none. */
void queue_feedback_note_tls(struct queue *q, const struct tls_policy_domain *domain,
                             const struct tls_policy *policy, const struct client_hop *hop,
                             const struct smtp_client *client, const struct smtp_outcome *outcome);
/* The MTA-STS policy of a domain could not be had. */
void queue_feedback_note_sts(struct queue *q, const struct tls_policy_domain *domain);

/* A message was checked, and this was done to it: what domains want to know of it. The fiber that
 * asked about SPF. */
void queue_feedback_note_dmarc(struct queue *q, const struct trust_results *results,
                               const struct trust_question *question, enum dmarc_policy done);

/* Reports on all that was counted so far, today included, and sends what waits. 0, or an error of
 * the store. Parks the fiber. */
int queue_feedback_send(struct queue *q, enum report_kind kind);
/* A message that came to an address for reports: one that it holds is kept, for `veredus tlsrpt`
 * and `veredus dmarc`. trace: the fields that we put before it. Takes a copy and returns at once.
 * [fiber] */
void queue_feedback_receive(struct queue *q, struct slice from, struct slice trace,
                            struct slice message);

#endif
