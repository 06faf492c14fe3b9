/* NOTIFY (RFC 5465): what a client wants to be told of the selected mailbox, and of others, at any
 * time.
 *
 * There is no queue of events. A session that looks at other mailboxes keeps a copy of their names
 * and counters, is woken by mailboxes_changed(), reads them anew, and tells the difference; so what
 * it costs is bounded by IMAP_NOTIFY_NAMES_MAX, whatever happens. Where there are more, the client
 * hears NOTIFICATIONOVERFLOW and is told nothing from then on. */
#ifndef VEREDUS_IMAP_IMAP_NOTIFY_H
#define VEREDUS_IMAP_IMAP_NOTIFY_H

#include "imap/imap_session.h"

enum { IMAP_NOTIFY_NAMES_MAX = 1000 };

/* Tells what has changed in the selected mailbox, as the client wants it: EXPUNGE, EXISTS, flags,
 * results that are kept up to date, what is wanted of new messages. own: those that the client has
 * just made itself; NULL: none. Errors as those of imap_sync(). */
int imap_notify_sync(struct imap_session *s, bool hold_expunges, const struct uid_set *own);
/* Nothing of the selected mailbox is told but what the client does itself. */
bool imap_notify_is_silent(const struct imap_session *s);
/* A notice has come while no command is in progress, or in IDLE. */
void imap_notify_tell(struct imap_session *s);
/* Behind a command that has changed names: tells of all but this one, which the client knows. */
void imap_notify_own(struct imap_session *s, struct slice own_name);
/* A mailbox was selected, or is going to be left. */
void imap_notify_selected(struct imap_session *s);
void imap_notify_leaving(struct imap_session *s);
/* All as before the first NOTIFY. */
void imap_notify_drop(struct imap_session *s);

#endif
