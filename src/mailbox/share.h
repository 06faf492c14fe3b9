/* Mailboxes by the names that an account has for them: its own, those of others that are shared
 * with it, and public ones.
 *
 *     INBOX                            one's own
 *     Shared/bob@example.test/INBOX    bob's
 *     Public/News                      nobody's
 *
 * A mailbox of one's own that has such a name (it is older than this) comes first. Called inside a
 * closure, like the functions of mailbox.h. */
#ifndef VEREDUS_MAILBOX_SHARE_H
#define VEREDUS_MAILBOX_SHARE_H

#include "mailbox/acl.h"

#define SHARE_USERS  "Shared"
#define SHARE_PUBLIC "Public"

/* Who looks. */
struct share_user {
	int64_t account_id;
	struct slice address;
};

/* A mailbox as somebody sees it. */
struct share {
	struct mailbox_info info; /* .name is the one by which it was asked for */
	unsigned rights;          /* enum acl_right */
	int64_t viewer;           /* as in mailbox_seen.h: 0 for one's own */
	struct slice owner;       /* the owner's address; empty for a public one */
	struct slice own_name;    /* what the owner calls it */
};

/* Whose mailbox a name means, whether there is one or not, and what the owner calls it. False: the
 * name is a level above mailboxes of others, or there is no such user. */
struct share_place {
	int64_t owner_id;
	struct slice owner;
	struct slice name;
};
/* 0, -ENOENT, or an error of the store. */
int share_place(struct db *db, struct arena *arena, const struct share_user *user,
                struct slice name, struct share_place *out);
/* Is it a name below which only mailboxes of others are? */
bool share_is_reserved(struct slice name);

/* Reading. -ENOENT. That one may look it up is for the caller to see. */
int share_find(struct db *db, struct arena *arena, const struct share_user *user, struct slice name,
               struct share *out);
/* The mailbox, or else the one above it that is nearest: whose list counts for what is made there.
 * -ENOENT: there is none. */
int share_find_above(struct db *db, struct arena *arena, const struct share_place *place,
                     struct mailbox_info *out);
/* The name by which others call it, in the arena. owner empty: public. */
struct slice share_name(struct arena *arena, struct slice owner, struct slice own_name);

#endif
