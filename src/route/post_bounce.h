/* Reports that come back are matched to the message that they are about (post_bounce_find.h), and
 * noted in its journey. */
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
