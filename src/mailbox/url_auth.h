/* IMAP URLs that carry their own authorization (RFC 4467, mechanism INTERNAL).
 *
 * An account has a key for each mailbox that it has made such a URL for. The token is made of the
 * key and of the URL up to it, so that nothing of the URL can be other than it was; with the key
 * gone, all of them are void. A key goes with its mailbox, and with its account. What such a URL
 * names is seen as by the account that it names as its user. */
#ifndef VEREDUS_MAILBOX_URL_AUTH_H
#define VEREDUS_MAILBOX_URL_AUTH_H

#include "mailbox/url_part.h"

#define URL_MECHANISM "INTERNAL"

/* Who wants to see what a URL names. */
enum url_role {
	URL_READER,     /* logged in over IMAP */
	URL_SUBMISSION, /* logged in to submit mail: we look on the account's behalf */
	URL_SUBMITTER,  /* another submission server, on anybody's behalf */
};
struct url_visitor {
	int64_t account_id;
	enum url_role role;
};

/* In a commit: the token for a URL that has none, with the key of the user, whose URL it must be.
 * -EACCES: it is not. -ENOENT: there is no such mailbox for the user. */
int url_auth_make(struct db *db, struct arena *arena, const struct share_user *user,
                  const struct imap_url *url, struct slice *token_out);
/* In a commit: all URLs that the account has made for the mailbox are void; mailbox_id 0: for all
 * mailboxes. Those that had a key go into the arena. */
struct url_keys {
	int64_t *mailbox_ids;
	size_t count;
};
int url_auth_reset(struct db *db, struct arena *arena, int64_t account_id, int64_t mailbox_id,
                   struct url_keys *gone_out);
/* In a commit: those that anybody has made for it. */
int url_auth_drop_mailbox(struct db *db, int64_t mailbox_id);
/* In a commit: those that the account has made. */
int url_auth_drop_account(struct db *db, int64_t account_id);

/* What an authorized URL names, like url_open(). -EACCES, whatever is wrong with it: a token that
 * is not right, a time that is over, a visitor for whom it is not. -ENOENT: the message that it was
 * right for is not there. */
int url_auth_open(struct store *store, const struct message_limits *limits, struct arena *arena,
                  const struct url_visitor *who, const struct imap_url *url, struct url_part *out);

#endif
