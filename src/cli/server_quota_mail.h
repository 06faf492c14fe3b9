/* The letter to an account that is nearly full. */
#ifndef VEREDUS_CLI_SERVER_QUOTA_MAIL_H
#define VEREDUS_CLI_SERVER_QUOTA_MAIL_H

#include "cli/server.h"
#include "mailbox/quota.h"
#include "message/summary.h"
#include "store/store.h"

struct quota_mail {
	int64_t account_id;
	int64_t now_ms;
	struct slice bytes;
	struct buf note;
	struct message_summary summary;
	int64_t mailbox_id; /* where the commit put it; 0: nowhere */
};

/* Writes it, in the arena. The commit is to have the blob. */
int quota_mail_write(const struct server *s, struct arena *arena, const struct quota_crossing *c,
                     struct quota_mail *mail, struct store_blob *blob);
/* Inside the commit: into INBOX, if there is room for it. */
int quota_mail_commit(struct db *db, struct quota_mail *mail, int64_t blob_id);
void quota_mail_free(struct quota_mail *mail);

#endif
