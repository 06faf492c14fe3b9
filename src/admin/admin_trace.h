/* Journeys, for commands that show them. */
#ifndef VEREDUS_ADMIN_ADMIN_TRACE_H
#define VEREDUS_ADMIN_ADMIN_TRACE_H

#include "admin/admin.h"

/* Hands out the events of a message, oldest first, a page at a time; *count grows by them. */
int admin_send_journey(struct admin *admin, struct admin_reply *reply, const char *queue_id,
                       size_t *count);

/* A refusal by the code in its reply (guard/guard_refusal.h). -ENOENT. */
int admin_send_refusal(struct admin *admin, struct admin_reply *reply, struct slice code);

#endif
