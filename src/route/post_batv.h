/* Tags in reverse-paths (batv.h), for those who send and those who take mail. */
#ifndef VEREDUS_ROUTE_POST_BATV_H
#define VEREDUS_ROUTE_POST_BATV_H

#include "route/post.h"

/* A reverse-path of ours with the tag by which reports about the mail are known (batv.h), if the
 * configuration wants it; in the arena. Parks the fiber. */
struct slice post_tag_sender(struct post *p, struct arena *arena, struct slice path);
/* Is the path to go to that recipient, local@domain, as it is? */
bool post_wants_plain_sender(const struct post *p, struct slice recipient);
/* May what comes without a sender to this recipient be a report about mail of ours? False if it
 * should have a tag, and has none or a wrong one. */
bool post_is_report_for_us(struct post *p, const struct address *recipient);

#endif
