/* What a sender was not told one by one, as there was too much of it (queue_notices.h): of each
 * failure a row is kept, and after a while one message tells of all.
 *
 *     table report_digest     a sender, since when, and how many
 *     table report_withheld   of these the first DIGEST_LINES_MAX, to be named */
#ifndef VEREDUS_QUEUE_QUEUE_DIGEST_H
#define VEREDUS_QUEUE_QUEUE_DIGEST_H

#include "queue/queue.h"
#include "queue/queue_job.h"
#include "store/db.h"

enum { DIGEST_LINES_MAX = 200 };

/* Inside the commit that records the job: its failures that are withheld. */
int queue_digest_note(struct db *db, const struct queue_job *job);
/* A fiber that sends them when they are due. */
void queue_digest_start(struct queue *q);

#endif
