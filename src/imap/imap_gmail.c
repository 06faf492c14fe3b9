/* Attributes that clients of Gmail ask for (X-GM-EXT-1): numbers for the identifiers of RFC 8474,
 * and keywords by the name of labels. */
#include "base/hash.h"
#include "imap/imap_reply.h"

static uint64_t number_of(struct slice id)
{
	static const uint64_t key[2] = { 4, 5 };
	uint64_t number = hash_bytes_keyed(key, id) & INT64_MAX;
	return number ? number : 1;
}

uint64_t imap_gmail_message(struct arena *arena, const struct mailbox_message *row)
{
	return number_of(imap_email_id(arena, row));
}

/* Where the thread is not known yet the message is one of its own. */
uint64_t imap_gmail_thread(struct arena *arena, const struct mailbox_message *row)
{
	struct slice id = imap_thread_id(arena, row);
	return number_of(id.len ? id : imap_email_id(arena, row));
}

static void write_label(struct imap_session *s, bool *any, struct slice label)
{
	imap_write(s, *any ? SLICE(" ") : SLICE_EMPTY);
	imap_write_astring(s, label);
	*any = true;
}

void imap_write_labels(struct imap_session *s, const struct mailbox_item *item)
{
	const struct mailbox_keywords *k = s->selected->view->keywords;
	bool any = false;
	imap_write(s, SLICE("X-GM-LABELS ("));
	if (item->flags & FLAG_FLAGGED)
		write_label(s, &any, SLICE(IMAP_LABEL_STARRED));
	if (item->flags & FLAG_DRAFT)
		write_label(s, &any, SLICE(IMAP_LABEL_DRAFT));
	for (size_t i = 0; k && i < k->count; i++) {
		if ((item->flags & FLAG_KEYWORD(i)) && k->names[i].len > 0)
			write_label(s, &any, k->names[i]);
	}
	imap_write(s, SLICE(")"));
}
