/* What the commands about the quarantine share. */
#ifndef VEREDUS_ADMIN_ADMIN_QUARANTINE_H
#define VEREDUS_ADMIN_ADMIN_QUARANTINE_H

#include "admin/admin.h"
#include "route/quarantine.h"

/* All that a row says, for lists. */
json_t *admin_quarantine_item(const struct quarantine_row *row);
/* quarantine.show: one with what is in it, as text without markup; or with its bytes ("raw"). */
int admin_quarantine_show(struct admin *admin, const json_t *request, struct admin_reply *reply);

#endif
