/* The POP3 server: RFC 1939, with CAPA, RESP-CODES, EXPIRE, LOGIN-DELAY and PIPELINING (RFC 2449),
 * STLS (RFC 2595), AUTH-RESP-CODE (RFC 3206), AUTH (RFC 5034), UTF8 and LANG (RFC 6856).
 *
 *     static struct pop3_context context = { .store = store, ... };
 *     context.locks = pop3_locks_new();            one for all POP3 listeners
 *     service_listen(&(struct service_config){ .protocol = &pop3_protocol,
 *                                              .context = &context, ... }, &service);
 *
 * The maildrop is the INBOX of the account as it was at login. One session has it at a time
 * (others are told [IN-USE]); IMAP sessions may change it meanwhile, and a message that they
 * removed can't be read any more, or not for long. What the session deletes goes at QUIT, in one
 * commit together with the flag \Seen of what it retrieved; a session that ends otherwise changes
 * nothing. APOP is not there: it needs passwords in clear.
 *
 *     pop3_server    the session: greeting, one command a step, log line
 *     pop3_command   the table of commands, and the small ones
 *     pop3_login     USER, PASS, AUTH, STLS
 *     pop3_list      STAT, LIST, UIDL, CAPA
 *     pop3_retrieve  RETR, TOP
 *     pop3_international  UTF8, LANG
 *     pop3_maildrop  the snapshot of the INBOX, and what becomes of it at QUIT
 *     pop3_expire    the same for accounts that nobody logs in to
 *     pop3_locks     who has which maildrop
 *     pop3_parse     command lines -> structs; pure
 *     pop3_reply     every reply */
#ifndef VEREDUS_POP3_POP3_H
#define VEREDUS_POP3_POP3_H

#include "auth/auth.h"
#include "config/config.h"
#include "guard/guard.h"
#include "mailbox/mailbox.h"
#include "net/service.h"

enum {
	POP3_COMMAND_MAX = 512,      /* bytes of a line; RFC 2449 section 4 wants 255 */
	POP3_AUTH_LINE_MAX = 12288,  /* of a line in an AUTH exchange (as RFC 4954 section 4) */
	POP3_SEND_SLICE = 64 * 1024, /* bytes of a message before other sessions have a turn */
	POP3_SEND_RATE_MIN = 100,    /* bytes a second that a client must take of a message */
};

/* Who has which maildrop, in this process. */
struct pop3_locks;
struct pop3_locks *pop3_locks_new(void);
/* NULL is allowed. After the last session has ended. */
void pop3_locks_free(struct pop3_locks *locks);

/* Stays as long as the service. */
struct pop3_context {
	struct store *store;
	struct auth *auth;
	struct guard *guard; /* NULL: everybody may speak */
	struct mailboxes *mailboxes;
	struct pop3_locks *locks;
	const struct config *_Atomic config; /* in force: config_reload.h */
};

extern const struct protocol pop3_protocol;

/* Removes mail that was read and may stay no longer, as sessions do at QUIT, of accounts that have
 * used POP3 or have terms of their own. On a fiber; to be called now and then. */
int pop3_expire(const struct pop3_context *context);

#endif
