/* MESSAGELIMIT and SAVELIMIT (RFC 9738): how many messages one command may be about. */
#include "imap/imap_limit.h"
#include "imap/imap_reply.h"

uint32_t imap_message_limit(const struct imap_session *s)
{
	return imap_context(s)->config->imap.message_limit;
}

uint32_t imap_save_limit(const struct imap_session *s)
{
	const struct config *config = imap_context(s)->config;
	return config->imap.message_limit ? config->imap.message_limit : config->imap.save_limit;
}

/* The UID from which on there are `limit` messages of a set, or of those with a flag; 0: there are
 * not more. */
static uint32_t lowest_uid(struct imap_command *c, const struct uid_set *uids, uint64_t flag,
                           uint32_t limit)
{
	struct mailbox_set_walk walk = { .uids = uids }, again = walk;
	const struct mailbox_view *view = c->s->selected->view;
	struct mailbox_item item;
	uint64_t count = 0, skipped = 0;
	while (mailbox_view_next_of(view, &walk, &item))
		count += flag == 0 || (item.flags & flag);
	if (count <= limit)
		return 0;
	while (mailbox_view_next_of(view, &again, &item)) {
		skipped += flag == 0 || (item.flags & flag);
		if (skipped > count - limit)
			return item.uid;
	}
	return 0;
}

bool imap_limit(struct imap_command *c, struct uid_set *uids, uint64_t flag, uint32_t limit)
{
	uint32_t lowest = limit ? lowest_uid(c, uids, flag, limit) : 0;
	struct uid_set above = { 0 };
	if (lowest == 0)
		return false;
	uid_set_add(c->arena, &above, lowest, UINT32_MAX);
	*uids = uid_set_common(c->arena, uids, &above);
	c->limit_code = arena_printf(c->arena, "MESSAGELIMIT %u %u", limit, lowest);
	return true;
}

void imap_limit_refuse(struct imap_command *c, uint32_t limit)
{
	imap_no(c, arena_printf(c->arena, "MESSAGELIMIT %u", limit),
	        "So many messages at once are too many.");
}
