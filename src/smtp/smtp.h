/* The SMTP server: RFC 5321, on the listeners for strangers (25) and for our users (587, 465).
 *
 *     static const struct smtp_context context = { .kind = LISTENER_SMTP, ... };
 *     service_listen(&(struct service_config){ .protocol = &smtp_protocol,
 *                                              .context = &context, ... }, &service);
 *
 * Extensions: PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152), STARTTLS (3207),
 * AUTH (4954), ENHANCEDSTATUSCODES (2034), DSN (3461), SMTPUTF8 (6531),
 * CHUNKING and BINARYMIME (3030), ETRN (1985), REQUIRETLS (8689), DELIVERBY (2852),
 * BURL (4468), FUTURERELEASE (4865), MT-PRIORITY (6710), NO-SOLICITING (3865), LIMITS (9422).
 *
 * What a session may do depends on the listener: on LISTENER_SUBMISSION and LISTENER_SUBMISSIONS
 * a client must log in before MAIL (RFC 6409 section 4.3). Nowhere does anybody reach other hosts
 * who has not logged in or comes from one of the relay networks (LISTENER_SMTP only). STARTTLS is
 * offered where the service was given a certificate.
 *
 *     smtp_server   the session: greeting, one command a step, good-bye, log line
 *     smtp_command  the table of commands, and the small ones
 *     smtp_mail     MAIL and RCPT: the transaction
 *     smtp_options  what MAIL asks of the way of the message, and how that is announced
 *     smtp_vrfy     VRFY and EXPN; smtp_etrn: ETRN
 *     smtp_extension  what EHLO announces: the table of extensions
 *     smtp_help     HELP: the table of its pages
 *     smtp_guard    who may speak: the guard's rules, and what counts against a client
 *     smtp_atrn     ATRN and TURN
 *     smtp_terminal SEND, SOML and SAML; smtp_terminal_text: what is shown
 *     smtp_verbose  VERB, ONEX and XUSR
 *     smtp_data     DATA, up to the 250
 *     smtp_bdat     BDAT: the message in chunks; smtp_burl: BURL, from a mailbox
 *     smtp_fixup    what our users hand in, completed
 *     smtp_filter   what programs of others say to a message
 *     smtp_trust    who has sent a message, found out before the 250
 *     smtp_lmtp     LMTP: a reply a recipient
 *     smtp_dsn      NOTIFY=SUCCESS where the way ends here
 *     smtp_auth     AUTH; smtp_tls: STARTTLS
 *     smtp_xclient  XCLIENT and XFORWARD; smtp_attribute: their arguments, pure
 *     smtp_parse    command lines -> structs; pure
 *     smtp_trace    the Received field; pure
 *     smtp_reply    every reply with its codes */
#ifndef VEREDUS_SMTP_SMTP_H
#define VEREDUS_SMTP_SMTP_H

#include "auth/auth.h"
#include "config/config.h"
#include "guard/guard.h"
#include "net/service.h"
#include "route/post.h"
#include "trust/trust.h"

/* One for each listener; stays as long as the service. */
struct queue;
struct smtp_context {
	struct post *post;
	struct queue *queue;                 /* for ATRN; NULL: not offered */
	struct auth *auth;                   /* NULL: AUTH is not offered */
	struct guard *guard;                 /* NULL: everybody may speak */
	struct trust *trust;                 /* NULL: nothing is checked */
	const struct config *_Atomic config; /* in force: config_reload.h */
	enum listener_kind kind;
};

extern const struct protocol smtp_protocol;

#endif
