/* The message, or the part of one, that an IMAP URL names (message/imap_url.h): its bytes, as they
 * lie in the store. Who may see it is for the caller to say: by its own rights, or by the URL's
 * authorization (url_auth.h). Nothing becomes \Seen. */
#ifndef VEREDUS_MAILBOX_URL_PART_H
#define VEREDUS_MAILBOX_URL_PART_H

#include "config/config.h"
#include "mailbox/share.h"
#include "message/imap_url.h"

/* Is a name one of those of a list with spaces between? The list may be NULL. */
bool url_is_listed(const char *list, struct slice name);
/* Does a URL that names a server mean this one? By its hostname, or one of imap.url_hosts. */
bool url_is_here(const struct config *config, const struct imap_url *url);

/* Whom a URL means by its user: an account's address, or its local part as at logins; in a closure.
 * -ENOENT, also if it is not enabled. */
int url_find_user(struct db *db, struct arena *arena, struct slice name, struct share_user *out);

struct url_part {
	struct slice message; /* the whole of it */
	struct slice bytes;   /* what the URL names */
	struct blob_view blob;
};

/* As somebody sees it, who needs the right to read the mailbox. selected_id: the mailbox that is
 * meant by a URL that names none; 0: there is none. Where it says nothing of the section, it is
 * the message. A part that begins behind the end is empty.
 * -ENOENT: there is no such message or part, or none for them. -EBADMSG: it is damaged. */
int url_open(struct store *store, const struct message_limits *limits, struct arena *arena,
             const struct share_user *as, int64_t selected_id, const struct imap_url *url,
             struct url_part *out);
void url_close(struct url_part *part);

/* The mailbox that it names, as somebody sees it; in a closure. -ENOENT, also without the right to
 * read it, or with another UIDVALIDITY. */
int url_find_mailbox(struct db *db, struct arena *arena, const struct share_user *as,
                     const struct imap_url *url, struct mailbox_info *out);

#endif
