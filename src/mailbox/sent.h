/* The folder with what an account has sent, and copies that are not to be there twice.
 *
 * The server files a copy of a submission if the account wants it; many clients file one
 * themselves, some before, most after they send. Whoever comes second within SENT_WINDOW_MS finds
 * the note of the first by the Message-ID. The client's copy is the one that stays, since it may
 * have a Bcc that the client did not send. A note serves once: who files the same message again
 * gets a second copy.
 *
 * Called inside a closure, like the functions of mailbox.h. */
#ifndef VEREDUS_MAILBOX_SENT_H
#define VEREDUS_MAILBOX_SENT_H

#include "mailbox/mailbox.h"

enum { SENT_WINDOW_MS = 60 * 60 * 1000 };
enum sent_by { SENT_BY_SERVER, SENT_BY_CLIENT };

/* Reading: the folder with the special use \Sent (RFC 6154), else one called Sent. -ENOENT. */
int sent_find(struct db *db, struct arena *arena, int64_t account_id, struct mailbox_info *out);
/* The same, made and subscribed if missing. */
int sent_get(struct db *db, struct arena *arena, int64_t account_id, struct mailbox_info *out);

/* Notes a copy, and forgets old notes. Nothing is noted without a Message-ID. */
int sent_note(struct db *db, int64_t mailbox_id, struct slice message_id, uint32_t uid,
              enum sent_by by, int64_t now_ms);
/* The UID of the copy that `by` has noted, if it is there still; the note is gone then. -ENOENT. */
int sent_take(struct db *db, int64_t mailbox_id, struct slice message_id, enum sent_by by,
              int64_t now_ms, uint32_t *uid_out);

#endif
