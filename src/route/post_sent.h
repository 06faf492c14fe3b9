/* The copy of a submission in the Sent folder of who sent it. Only the post office uses this.
 *
 * It shares the blob of the message; but if Bcc fields were taken out of that, it is a blob of its
 * own in which they stand, since nobody else remembers them. */
#ifndef VEREDUS_ROUTE_POST_SENT_H
#define VEREDUS_ROUTE_POST_SENT_H

#include "mailbox/mailbox.h"
#include "message/summary.h"
#include "route/post_internal.h"
#include "store/store.h"

struct post_sent {
	int64_t account_id;
	struct slice address;    /* of the account */
	struct slice name;       /* of the folder, before the commit */
	struct slice message_id; /* may be empty */
	bool own_blob;
	struct slice parts[2]; /* of it: the Bcc fields, the message */
	struct buf note;
	struct mailbox_new_message row; /* without its blob */
	int64_t mailbox_id;             /* after the commit: where it is; 0: not filed */
	struct arena *arena;
};

/* What is to be filed, in the arena; NULL if the account does not want it, or there is none. Parks
 * the fiber. size_bytes: of the blob that is shared. */
struct post_sent *post_sent_new(struct post *p, struct arena *arena,
                                const struct post_client *client,
                                const struct post_envelope *envelope,
                                const struct message_summary *summary, struct slice message,
                                uint64_t size_bytes, int64_t now_ms);
/* Its own blob. */
struct store_blob post_sent_blob(const struct post_sent *sent);
/* In the commit. A copy that a client has filed already is enough; no room for it is no error. */
int post_sent_commit(struct db *db, struct post_sent *sent, int64_t blob_id);
void post_sent_end(struct post_sent *sent);

#endif
