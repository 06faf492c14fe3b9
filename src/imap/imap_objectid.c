/* Identifiers that outlive names and UIDs (RFC 8474). */
#include "imap/imap_reply.h"

/* Ids of mailboxes are given out once. */
void imap_write_mailbox_id(struct imap_session *s, int64_t mailbox_id)
{
	imap_write_number(s, SLICE("F"), (uint64_t)mailbox_id);
}

/* A copy has the blob and the date of the original. The number of a blob alone might be given out
 * once more when all messages with it have gone; not with the same date. */
struct slice imap_email_id(struct arena *arena, const struct mailbox_message *row)
{
	return slice_from_str(arena_printf(arena, "M%llx-%llx", (unsigned long long)row->blob_id,
	                                   (unsigned long long)row->internal_ms));
}
