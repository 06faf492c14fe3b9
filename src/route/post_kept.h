/* The journey of a message that lies in a mailbox: what is done with it there is noted, too. */
#ifndef VEREDUS_ROUTE_POST_KEPT_H
#define VEREDUS_ROUTE_POST_KEPT_H

#include "route/journey.h"

/* The id in the topmost Received field if this host wrote that; empty: it came in another way. */
struct slice post_kept_id(struct arena *arena, const char *hostname, struct slice header);
/* Inside a commit: notes what comes next for the account event->address, if the journey of that id
 * says that the message was delivered to it: who puts a message into a mailbox writes its fields.
 * event->queue_id may be empty. 0, also without such a journey, or an error of the store. */
int post_kept_note(struct db *db, const struct journey_event *event);

#endif
