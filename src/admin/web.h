/* Pages for users: listeners of the kinds http and https.
 *
 * There is one thing here: the links in mails about the quarantine (admin/quarantine_digest.h).
 *
 *     GET  /quarantine/TOKEN            what it is, and a button for each thing that can be done
 *     POST /quarantine/TOKEN/release    deliver it
 *     POST /quarantine/TOKEN/drop       throw it away
 *
 * Programs that look into mail follow links, so GET changes nothing. All else is 404: commands of
 * the operator, and metrics, are for the control socket alone. Pages have no script, load nothing,
 * and may be kept nowhere. Each connection is for one request.
 *
 * Requests have a rate a network (quarantine max-requests, 429), and a token that is none of ours
 * counts as a failed login (guard/guard.h). */
#ifndef VEREDUS_ADMIN_WEB_H
#define VEREDUS_ADMIN_WEB_H

#include "admin/admin.h"
#include "guard/guard_bucket.h"

enum { WEB_IDLE_MS = 15000, WEB_BUCKETS_MAX = 20000 };

struct web {
	struct admin *admin;
	struct guard_buckets *buckets; /* of guard_buckets_new(WEB_BUCKETS_MAX) */
};

/* Its context is a struct web. */
extern const struct protocol web_protocol;

#endif
