/* The ManageSieve server: RFC 5804, by which programs keep the scripts of their users here.
 *
 *     static struct managesieve_context context = { .store = store, ... };
 *     service_listen(&(struct service_config){ .protocol = &managesieve_protocol,
 *                                              .context = &context, ... }, &service);
 *
 * A script is compiled before it is taken, so that what is active always was in order once. The
 * login is that of IMAP: who may read the mail may say where it goes. GSSAPI is not offered, as it
 * would need a service name of its own.
 *
 *     managesieve_server   the session: greeting, reading commands with their literals, log line
 *     managesieve_command  the table of commands, and the small ones
 *     managesieve_login    AUTHENTICATE, STARTTLS, UNAUTHENTICATE
 *     managesieve_script   all that is about scripts
 *     managesieve_parse    lines -> commands; pure
 *     managesieve_reply    how an answer is written */
#ifndef VEREDUS_MANAGESIEVE_MANAGESIEVE_H
#define VEREDUS_MANAGESIEVE_MANAGESIEVE_H

#include "auth/auth.h"
#include "config/config.h"
#include "guard/guard.h"
#include "net/service.h"
#include "store/store.h"

/* Stays as long as the service. */
struct managesieve_context {
	struct store *store;
	struct auth *auth;
	struct guard *guard;                 /* NULL: everybody may speak */
	const struct config *_Atomic config; /* in force: config_reload.h */
};

extern const struct protocol managesieve_protocol;

#endif
