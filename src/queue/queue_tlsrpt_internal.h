/* What the files of TLS reports share. */
#ifndef VEREDUS_QUEUE_QUEUE_TLSRPT_INTERNAL_H
#define VEREDUS_QUEUE_QUEUE_TLSRPT_INTERNAL_H

#include "queue/queue_internal.h"
#include "queue/queue_tlsrpt.h"

#define TLSRPT_DAY_MS (86400 * 1000LL)

/* queue_tlsrpt_make.c: makes reports of the counts of days before before_day, to be sent from
 * due_ms on, by up to spread_ms later. */
int queue_tlsrpt_make(struct queue *q, int64_t before_day, int64_t due_ms, int64_t spread_ms);
/* queue_tlsrpt_send.c: sends all that is due. */
int queue_tlsrpt_send_due(struct queue *q);
/* Whom reports come from: an address of ours. Parks the fiber. */
const char *queue_tlsrpt_from(struct queue *q, struct arena *arena);

#endif
