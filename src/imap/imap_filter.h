/* Which mailboxes are meant (RFC 7377 section 2.2, RFC 5465 section 6). */
#ifndef VEREDUS_IMAP_IMAP_FILTER_H
#define VEREDUS_IMAP_IMAP_FILTER_H

#include "imap/imap_session.h"

enum { IMAP_FILTER_NAMES_MAX = 1000 };

enum imap_filter_kind {
	FILTER_SELECTED,
	FILTER_SELECTED_DELAYED,
	FILTER_INBOXES, /* where mail may be delivered to: any mailbox of one's own */
	FILTER_PERSONAL,
	FILTER_SUBSCRIBED,
	FILTER_SUBTREE,     /* names */
	FILTER_SUBTREE_ONE, /* names: they, and one level below */
	FILTER_MAILBOXES,   /* names */
};

struct imap_filter {
	enum imap_filter_kind kind;
	struct slice *names; /* as they were sent, until imap_filter_decode() */
	size_t count;
};

/* "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" /
 * ("subtree" / "subtree-one" / "mailboxes") SP (mailbox / "(" mailbox *(SP mailbox) ")"); pure */
bool imap_take_filter(struct cursor *c, struct arena *arena, struct imap_filter *out);
/* Names as the mailboxes have them, in the arena; those that can be none are left out. */
void imap_filter_decode(struct imap_command *c, struct arena *arena, struct imap_filter *filter);
/* Of mailboxes that are not meant for being selected. */
bool imap_filter_has(const struct imap_filter *filter, struct slice name, bool is_subscribed);

#endif
