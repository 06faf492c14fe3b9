/* What the commands about the queue share. */
#ifndef VEREDUS_ADMIN_ADMIN_QUEUE_H
#define VEREDUS_ADMIN_ADMIN_QUEUE_H

#include "admin/admin.h"
#include "queue/queue_admin.h"

/* Which recipients a request means: its keys `which` (a list of queue ids, addresses, "@domain") or
 * `id` and `to`, `domain`, `from`, `reason`, `state`, `older_ms` and `newer_ms`. all_out: it names
 * none of them. 0, or -EINVAL after admin_fail(). End it with admin_queue_filter_end(). */
int admin_queue_filter(const json_t *request, struct queue_filter *out, bool *all_out,
                       struct admin_reply *reply);
void admin_queue_filter_end(struct queue_filter *filter);

#endif
