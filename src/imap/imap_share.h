/* Finding mailboxes by the names that a session has for them, and what it may do there (RFC 4314
 * section 4). */
#ifndef VEREDUS_IMAP_IMAP_SHARE_H
#define VEREDUS_IMAP_IMAP_SHARE_H

#include "imap/imap_session.h"
#include "mailbox/share.h"

/* One's own mailbox, or one that is shared, if the session has all rights that are needed (of enum
 * acl_right). Else NO is set: with code_if_none if there is none, or none that it may know of
 * (section 6), with NOPERM if it may not. */
bool imap_find_mailbox(struct imap_command *c, struct slice name, const char *code_if_none,
                       unsigned needs, struct share *out);
/* NO for somebody without the rights that are needed. */
void imap_refuse_share(struct imap_command *c, unsigned rights, const char *code_if_none);
struct share_user imap_share_user(const struct imap_session *s);

/* The flags that rights allow to change. */
uint64_t imap_flags_allowed(unsigned rights);
/* May the selected mailbox be changed in any way? Else it is open for reading only. */
bool imap_may_change(unsigned rights);

/* The rights on the selected mailbox anew, as they may have been changed. -EACCES: it may not be
 * read any more. */
int imap_refresh_rights(struct imap_session *s);
/* BYE for a session whose mailbox imap_sync() says is not there for it any more; true. */
bool imap_end_if_lost(struct imap_session *s, int sync_result);
/* The session has the right on the selected mailbox; else NO is set. */
bool imap_needs(struct imap_command *c, unsigned rights);

/* "* MYRIGHTS name rights" */
void imap_write_my_rights(struct imap_command *c, struct slice name, unsigned rights);

#endif
