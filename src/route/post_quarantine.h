/* Mail into the quarantine, by the receiving commit, and out of it again. The rows:
 * route/quarantine.h. */
#ifndef VEREDUS_ROUTE_POST_QUARANTINE_H
#define VEREDUS_ROUTE_POST_QUARANTINE_H

#include "route/post.h"
#include "route/quarantine.h"

/* Of an envelope: why it is held. */
struct post_hold {
	enum quarantine_reason reason;
	struct slice why;
};

/* Delivers what is held in row `id`, and takes it out of the quarantine in the same commit: as it
 * came, to that recipient alone, past all that is asked before a message is taken. Scripts of the
 * account are run; its quota counts.
 * by: who wants it, for the journey and the log. Parks the fiber.
 * -ENOENT: there is no such row (any more); -EDQUOT: the mailbox is full; -EADDRNOTAVAIL: the
 * recipient is nobody's now, or disabled; -ELOOP; -EAGAIN and errors of the store. */
int post_release(struct post *p, int64_t id, const char *by);

/* --- of the receiving commit -------------------------------------------------------------- */

struct delivery;
struct batch;
struct drop;
/* Before it: what people are shown of the message. */
void delivery_prepare_hold(struct delivery *d);
/* Inside it: a row for one whom it is for. *why_out: for the journey. -EDQUOT. */
int delivery_commit_hold(struct db *db, struct delivery *d, const struct batch *b, int64_t blob_id,
                         const struct drop *drop, struct slice *why_out);
/* Behind it. */
void delivery_tell_hold(const struct delivery *d);

#endif
