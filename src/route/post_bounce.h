/* Reports that come back are matched to the message that they are about, and noted in its journey.
 *
 * Anybody can write a report. It is believed as far as it shows that its author has seen the
 * message: it has the id in it that the message had here, which stands in our Received field, and
 * it is about a recipient that the message was sent to. */
#ifndef VEREDUS_ROUTE_POST_BOUNCE_H
#define VEREDUS_ROUTE_POST_BOUNCE_H

#include "route/post_internal.h"
#include "store/db.h"

struct post_bounce;

/* NULL if it is no report, or one of nothing that is known here. In the arena. Parks the fiber. */
struct post_bounce *post_bounce_new(struct post *p, struct arena *arena,
                                    const struct post_envelope *envelope, struct slice message);
/* Inside the commit that takes the report. b may be NULL. */
int post_bounce_commit(struct db *db, const struct post_bounce *b, struct slice report_id,
                       int64_t now_ms);

#endif
