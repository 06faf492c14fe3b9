/* The commands of IMAP, for the table in imap_command.c: each reads its arguments, does its work,
 * and says what the tagged answer is. */
#ifndef VEREDUS_IMAP_IMAP_HANDLERS_H
#define VEREDUS_IMAP_IMAP_HANDLERS_H

#include "imap/imap_session.h"

void imap_capability(struct imap_command *c);
void imap_noop(struct imap_command *c);
void imap_logout(struct imap_command *c);
void imap_unauthenticate(struct imap_command *c);
void imap_id(struct imap_command *c);
void imap_enable(struct imap_command *c);
void imap_language(struct imap_command *c);
void imap_namespace(struct imap_command *c);

void imap_starttls(struct imap_command *c);
void imap_login(struct imap_command *c);
void imap_authenticate(struct imap_command *c);

void imap_create(struct imap_command *c);
void imap_delete(struct imap_command *c);
void imap_rename(struct imap_command *c);
void imap_subscribe(struct imap_command *c);
void imap_unsubscribe(struct imap_command *c);
void imap_list(struct imap_command *c);
void imap_lsub(struct imap_command *c);
void imap_xlist(struct imap_command *c);
void imap_status(struct imap_command *c);

void imap_select(struct imap_command *c);
void imap_examine(struct imap_command *c);
void imap_close(struct imap_command *c);
void imap_unselect(struct imap_command *c);

void imap_fetch(struct imap_command *c);
void imap_store(struct imap_command *c);
void imap_copy(struct imap_command *c);
void imap_move(struct imap_command *c);
void imap_expunge(struct imap_command *c);
void imap_search(struct imap_command *c);
void imap_esearch(struct imap_command *c);
void imap_cancelupdate(struct imap_command *c);
void imap_sort(struct imap_command *c);
void imap_thread(struct imap_command *c);
void imap_uidbatches(struct imap_command *c);
void imap_setacl(struct imap_command *c);
void imap_deleteacl(struct imap_command *c);
void imap_getacl(struct imap_command *c);
void imap_listrights(struct imap_command *c);
void imap_myrights(struct imap_command *c);
void imap_getmetadata(struct imap_command *c);
void imap_setmetadata(struct imap_command *c);
void imap_getquota(struct imap_command *c);
void imap_getquotaroot(struct imap_command *c);
void imap_setquota(struct imap_command *c);
void imap_append(struct imap_command *c);
void imap_replace(struct imap_command *c);
void imap_genurlauth(struct imap_command *c);
void imap_resetkey(struct imap_command *c);
void imap_urlfetch(struct imap_command *c);

void imap_compress(struct imap_command *c);
void imap_notify(struct imap_command *c);
void imap_idle(struct imap_command *c);
/* A line came while in IDLE: DONE, or something that is not. */
void imap_idle_line(struct imap_session *s, struct slice line);

#endif
