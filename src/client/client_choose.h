/* Which section smarthost, transport or route of the configuration has the mail of a recipient.
 *
 * Sections that name the domain are asked first, then those for all ("*"); among each in the order
 * of the file, and the first whose conditions hold has it. What no section has goes by MX. */
#ifndef VEREDUS_CLIENT_CLIENT_CHOOSE_H
#define VEREDUS_CLIENT_CLIENT_CHOOSE_H

#include "base/arena.h"
#include "config/config.h"

/* What the operator may say instead of a domain: "mx.example.test:25", "192.0.2.1:25",
 * "[2001:db8::1]:25". *host_out is without brackets. False if it is none of these. */
bool client_choose_host_port(struct slice text, struct slice *host_out, uint16_t *port_out);

/* A recipient's mail, as far as its way depends on it. */
struct client_errand {
	struct slice domain;  /* of the recipient, lower-case A-labels; or host and port */
	struct slice sender;  /* reverse-path; empty: <> */
	struct slice account; /* canonical address of who handed it in; empty: nobody logged in */
};

/* NULL: none, it goes by MX. */
const struct config_smarthost *client_choose(const struct config *config,
                                             const struct client_errand *errand);
/* The next section behind the last one (NULL: the first) that may have mail for the domain, of
 * whomever it is. NULL: no more. */
const struct config_smarthost *client_choose_next(const struct config *config, struct slice domain,
                                                  const struct config_smarthost *last);
/* By what the section that was chosen holds: "domain *, sender @example.org". In the arena. */
const char *client_choose_why(struct arena *arena, const struct config_smarthost *way,
                              const struct client_errand *errand);
/* The destination's name: the domain, or "smarthost:host:port:n" or "lmtp:host:port:n", so that all
 * domains that go there in the same way (n: the first section of the configuration that says so)
 * share connections and limits; "domain route:n" for one that goes by MX from other addresses;
 * "pipe:n", "maildir:n", "mbox:n". In the arena. way: that was chosen, or NULL. */
struct slice client_choose_key(const struct config *config, struct arena *arena,
                               const struct config_smarthost *way, struct slice domain);

#endif
