/* What the files of a delivery fiber share: one connection to one destination. */
#ifndef VEREDUS_QUEUE_QUEUE_DELIVERY_H
#define VEREDUS_QUEUE_QUEUE_DELIVERY_H

#include "queue/queue_dial.h"

struct queue_delivery {
	struct queue *queue;
	struct queue_destination *destination;
	struct queue_dial dial; /* dial.client NULL: not connected */
	/* Of the connection. */
	struct arena *arena;
	struct slice peer, tls, from;
	int64_t opened_ms; /* monotonic */
	unsigned era;      /* queue_ready_renew() */
	bool is_alone;     /* good for the job that it was opened for, no other */
	bool was_idle;
};

/* queue_connect.c: finds the hosts of the job's destination and connects to the first that can be
 * had. 0, or a negative errno and *outcome; -EXDEV: the job is for another destination, job->key.
 */
int queue_connect(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome);
void queue_disconnect(struct queue_delivery *d);

/* queue_send.c: sends a job, over the connection that there is or a new one, in as many
 * transactions as the other side wants; the outcomes are in job->wire. 0 if anybody got it. -EXDEV:
 * it was not tried, and goes back to the lists. */
int queue_send(struct queue_delivery *d, struct queue_job *job, struct smtp_outcome *outcome);

#endif
