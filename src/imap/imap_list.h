/* The names of an account: mailboxes, levels above them, and what is subscribed. */
#ifndef VEREDUS_IMAP_IMAP_LIST_H
#define VEREDUS_IMAP_IMAP_LIST_H

#include "imap/imap_session.h"
#include "mailbox/share.h"

/* A name that could be listed: a mailbox, a level above one, or a subscription to neither. */
struct imap_list_name {
	struct slice name;
	bool exists;
	bool subscribed;
	bool has_children;
	bool child_subscribed; /* some name below it is */
	bool shared;           /* it is somebody else's */
	unsigned rights;       /* enum acl_right */
	struct mailbox_info info;
};

struct imap_list_names {
	struct arena *arena;
	struct share_user user;
	struct imap_list_name *names; /* in the order of names, once sorted */
	size_t count, capacity;
};

/* All of the session's account, and what others let it look up, into the arena. */
int imap_list_collect(struct imap_session *s, struct arena *arena, struct imap_list_names *l);
/* As in mailbox_seen.h. */
static inline int64_t imap_list_viewer(const struct imap_session *s, const struct imap_list_name *n)
{
	return n->shared ? s->account_id : 0;
}
/* NULL: there is no such name. */
struct imap_list_name *imap_list_find(const struct imap_list_names *l, struct slice name);
/* "* LIST (\HasNoChildren \Subscribed) "/" name", and, unless it is empty, what it was called
 * before (RFC 5465 section 5.4). */
void imap_list_tell(struct imap_session *s, struct arena *arena, const struct imap_list_name *n,
                    struct slice old_name);

#endif
