/* Reports to domains on single messages that failed DMARC (RFC 9991), if the operator wants them.
 *
 * One goes out for each way in which mail of a domain fails on a day, and no more than so many a
 * day to one address. What can't be sent now is left out: the domain hears of it in the report on
 * the day. Reports of others come in as all do: queue_feedback.h. */
#ifndef VEREDUS_QUEUE_QUEUE_FAILURE_H
#define VEREDUS_QUEUE_QUEUE_FAILURE_H

#include "trust/trust.h"

struct queue;
struct queue_failures;

struct queue_failures *queue_failures_new(void);
void queue_failures_free(struct queue_failures *f);

/* A message was checked, and this was done to it. Copies what it needs, and returns at once. The
 * fiber that asked about SPF. */
void queue_failure_note(struct queue *q, const struct trust_results *results,
                        const struct trust_question *question, enum dmarc_policy done);

#endif
