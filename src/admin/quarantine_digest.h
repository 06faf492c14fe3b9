/* Mails that tell users what is held for them, with a link for each message (admin/web.h).
 *
 * One a user and slot (route/quarantine_told.h), of what came since the one before; none if nothing
 * did. Each is delivered in the commit that notes what was told, so nothing is told twice, or
 * never. */
#ifndef VEREDUS_ADMIN_QUARANTINE_DIGEST_H
#define VEREDUS_ADMIN_QUARANTINE_DIGEST_H

#include "admin/admin.h"
#include "route/quarantine.h"

/* May the user decide about it, by user-release? */
bool quarantine_is_for_user(const struct config *config, const struct quarantine_row *row);
/* Why it is held, for its reader; in the arena. */
struct slice quarantine_reason_text(struct arena *arena, const struct quarantine_row *row);

/* To all whose time it is. On a fiber. */
void quarantine_digest_due(struct admin *admin);
/* To one account, or to all (0), now. *count_out: mails. -ENOENT: no one has anything new. */
int quarantine_digest_now(struct admin *admin, int64_t account_id, int64_t *count_out);

#endif
