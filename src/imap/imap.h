/* The IMAP server: IMAP4rev1 (RFC 3501), for reading mail.
 *
 *     static const struct imap_context context = { .store = store, ... };
 *     service_listen(&(struct service_config){ .protocol = &imap_protocol,
 *                                              .tls = tls, .context = (void *)&context, ... });
 *
 * How the files divide the work:
 *
 *     imap_server    the session: greeting, one command after another, limits, BYE
 *     imap_input     a whole command from the connection: its lines and literals
 *     imap_lexer, imap_parse_*   from bytes to structs; pure
 *     imap_command   the table: where a command may stand, who handles it, its answer
 *     imap_reply     everything that is sent
 *     imap_sync      telling a client what has changed
 *     imap_capability, _condstore, _auth, _folder, _list, _select, _fetch, _store, _copy, _search,
 * _append, _idle the commands
 *
 * A session that has a mailbox selected holds a view of it (mailbox/mailbox_view.h), which it
 * shares with all that see the same. Between commands, and in IDLE, it holds no stack and no
 * buffer. */
#ifndef VEREDUS_IMAP_IMAP_H
#define VEREDUS_IMAP_IMAP_H

#include "config/config.h"
#include "net/service.h"

struct store;
struct mailboxes;
struct auth;
struct guard;
struct imap_index;
struct imap_orders;
struct learner;
struct post_events;

/* For all listeners; stays as long as the services. */
struct imap_context {
	struct store *store;
	struct mailboxes *mailboxes;
	struct auth *auth;
	struct guard *guard;                 /* NULL: everybody may speak */
	struct imap_index *index;            /* NULL: there is none */
	struct imap_orders *orders;          /* NULL: none are kept */
	struct learner *learner;             /* NULL: nobody learns from moves */
	struct post_events *events;          /* NULL: no scripts run for what is done here */
	const struct config *_Atomic config; /* in force: config_reload.h */
};

extern const struct protocol imap_protocol;

#endif
