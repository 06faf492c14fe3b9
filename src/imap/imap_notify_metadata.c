/* MailboxMetadataChange and ServerMetadataChange: RFC 5465 sections 5.6 and 5.7. */
#include "imap/imap_notify_metadata.h"

#include "imap/imap_reply.h"
#include "mailbox/mailbox_news.h"

static struct mailbox_news *news_of(const struct imap_session *s)
{
	return mailboxes_annotation_news(imap_context(s)->mailboxes);
}

uint64_t imap_notify_metadata_now(const struct imap_session *s)
{
	return mailbox_news_count(news_of(s));
}

/* The mailbox, by the name that the session has for it; NULL: it is not to hear of it. */
static const struct slice *name_for(const struct imap_metadata_listener *l,
                                    const struct mailbox_news_item *change)
{
	static const struct slice server = SLICE_EMPTY;
	if (change->mailbox_id == ANNOTATION_SERVER)
		return l->wants_server ? &server : NULL;
	for (size_t i = 0; i < l->known->count; i++) {
		const struct imap_list_name *name = &l->known->names[i];
		if (name->exists && name->info.id == change->mailbox_id)
			return l->wants(l->arg, name) ? &name->name : NULL;
	}
	return NULL;
}

bool imap_notify_metadata_tell(struct imap_session *s, const struct imap_metadata_listener *l,
                               uint64_t *seen)
{
	struct arena *arena = arena_new();
	struct mailbox_news_item *changes;
	const struct slice *told = NULL;
	size_t count;
	bool whole = mailbox_news_since(news_of(s), arena, seen, &changes, &count);
	for (size_t i = 0; i < count; i++) {
		const struct mailbox_news_item *change = &changes[i];
		bool theirs = change->account_id && change->account_id != s->account_id;
		if (theirs || change->by == s->session.id)
			continue;
		const struct slice *name = name_for(l, change);
		if (!name)
			continue;
		if (told != name) {
			imap_write(s, told ? SLICE("\r\n* METADATA ") : SLICE("* METADATA "));
			imap_write_mailbox(s, arena, *name);
		}
		told = name;
		imap_write(s, SLICE(" "));
		imap_write_astring(s, change->name);
	}
	if (told)
		imap_write(s, SLICE("\r\n"));
	arena_free(arena);
	return whole;
}

/* Behind the commit: notes it, and wakes who may want to hear of it. */
void imap_notify_metadata_changed(struct imap_session *s, int64_t mailbox_id,
                                  const struct imap_metadata *request)
{
	struct mailboxes *mailboxes = imap_context(s)->mailboxes;
	bool shared = false, private = false;
	for (size_t i = 0; i < request->count; i++) {
		bool own = annotation_is_private(request->names[i]);
		struct mailbox_news_item change = { .mailbox_id = mailbox_id,
			                            .account_id = own ? s->account_id : 0,
			                            .by = s->session.id,
			                            .name = request->names[i] };
		mailbox_news_note(news_of(s), &change);
		private |= own;
		shared |= !own;
	}
	if (shared)
		mailboxes_changed(mailboxes, mailbox_id);
	if (private)
		mailboxes_names_changed(mailboxes, s->account_id);
}
