/* How many reports a sender gets: so many an hour. What fails in a storm, for a forged sender above
 * all, must not become another one. One fiber's: the recorder's. */
#ifndef VEREDUS_QUEUE_QUEUE_NOTICES_H
#define VEREDUS_QUEUE_QUEUE_NOTICES_H

#include "base/slice.h"

struct queue_notices;

struct queue_notices *queue_notices_new(void);
void queue_notices_free(struct queue_notices *n);
/* Counts one for this sender; false if it is more than max (0: no limit) in this hour. Those that
 * were too many are told to the log once an hour, with their number. now_ms is monotonic. */
bool queue_notices_allow(struct queue_notices *n, struct slice sender, unsigned max,
                         int64_t now_ms);

#endif
