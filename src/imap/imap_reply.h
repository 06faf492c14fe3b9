/* Everything that the IMAP server sends.
 *
 * Errors are kept in the session: after the first one nothing is sent, and the session ends when
 * the command returns. Writes may park the fiber until the client has taken in what was sent
 * before, for at most IMAP_WRITE_MS. */
#ifndef VEREDUS_IMAP_IMAP_REPLY_H
#define VEREDUS_IMAP_IMAP_REPLY_H

#include "imap/imap_handlers.h"
#include "imap/imap_session.h"

void imap_write(struct imap_session *s, struct slice bytes);
void imap_printf(struct imap_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* prefix and a decimal number: what long answers are made of. */
void imap_write_number(struct imap_session *s, struct slice prefix, uint64_t number);
/* "1:3,7" */
void imap_write_set(struct imap_session *s, const struct uid_set *set);
/* Begins a new time limit for writes; before each command and now and then in a long answer. */
void imap_extend(struct imap_session *s);
void imap_flush(struct imap_session *s);

/* string: quoted if it may be (UTF-8 where the client has enabled that), else a literal. */
void imap_write_string(struct imap_session *s, struct slice text);
/* A literal whatever it holds, streamed. */
void imap_write_literal(struct imap_session *s, struct slice bytes);
/* The same for bytes that may hold NUL (RFC 3516 section 4.4). */
void imap_write_literal8(struct imap_session *s, struct slice bytes);
/* astring: an atom if it is one, else a string. */
void imap_write_astring(struct imap_session *s, struct slice text);
/* A mailbox name, from UTF-8. */
void imap_write_mailbox(struct imap_session *s, struct arena *arena, struct slice name);

/* "* BYE text", and the session is to end. */
void imap_bye(struct imap_session *s, const char *text);
/* tag OK [code] text; code may be NULL. */
void imap_write_tagged(struct imap_session *s, struct slice tag, enum imap_status status,
                       const char *code, const char *text);
/* "+ text", sent at once. */
void imap_continue(struct imap_session *s, struct slice text);

#endif
