/* Scripts for what users do with messages over IMAP (RFC 6785): APPEND, COPY and MOVE, flags.
 *
 * What happened is noted by the commit in which it does (mailbox/mail_event.h). One fiber, for all
 * accounts in turn, runs the scripts behind the replies, message by message: what a script comes to
 * is one commit, which also ends the event, so that a crash neither loses one nor runs it twice.
 * What a script does to mailboxes is no event, so none sets off another.
 *
 *     keep         the message stays, with the flags that the script gives it
 *     fileinto     a copy goes there
 *     redirect     it is sent on, from the owner of the mailbox
 *     notify       as at delivery
 *     no keep      the message gets \Deleted; expunging it is left to who reads it (section 2.2.4)
 *
 * Scripts that fail, as those with reject or vacation do, come to nothing; the owner is told as at
 * delivery. */
#ifndef VEREDUS_ROUTE_POST_EVENT_H
#define VEREDUS_ROUTE_POST_EVENT_H

#include "mailbox/mail_event.h"
#include "route/post.h"

struct post_events;

/* NULL if the configuration does not want it; all functions take that. */
struct post_events *post_events_new(struct post *p);
void post_events_free(struct post_events *e);
/* Starts the fiber, which first does what a run before has left. */
void post_events_start(struct post_events *e);
/* [any thread] After a commit that noted something. */
void post_events_tell(struct post_events *e, const struct mail_event_noted *noted);
/* How many messages of an account may wait; 0 without. */
uint64_t post_events_room(const struct post_events *e);

/* --- among the files of this (post_event_run.c) ----------------------------------------------- */

/* Runs the script for one message of the account that comes next behind that one, which is
 * replaced. -ENODATA: there is nothing behind it. Parks the fiber. */
int post_event_run(struct post *p, int64_t *account_id);

#endif
