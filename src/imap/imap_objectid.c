/* Identifiers that outlive names and UIDs (RFC 8474). */
#include "base/hash.h"
#include "imap/imap_envelope.h"
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

/* The message that a thread began with: the first of References, else of In-Reply-To, else itself.
 */
static struct slice thread_begin(struct arena *arena, const struct mailbox_message *row)
{
	struct slice id = imap_first_id(row->references);
	if (id.len == 0)
		id = imap_first_id(imap_envelope_field(arena, row->envelope, ENVELOPE_IN_REPLY_TO));
	if (id.len == 0)
		id = imap_first_id(imap_envelope_field(arena, row->envelope, ENVELOPE_MESSAGE_ID));
	return id;
}

struct slice imap_thread_id(struct arena *arena, const struct mailbox_message *row)
{
	static const uint64_t keys[2][2] = { { 0, 1 }, { 2, 3 } };
	if (!row->knows_references)
		return SLICE_EMPTY;
	struct slice id = thread_begin(arena, row);
	if (id.len == 0) {
		struct slice parts[] = { SLICE("T"), imap_email_id(arena, row) };
		return arena_concat(arena, parts, 2);
	}
	return slice_from_str(arena_printf(arena, "T%016llx%016llx",
	                                   (unsigned long long)hash_bytes_keyed(keys[0], id),
	                                   (unsigned long long)hash_bytes_keyed(keys[1], id)));
}
