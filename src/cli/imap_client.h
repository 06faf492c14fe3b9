/* A client of IMAP servers, for what reads from them (import) and measures them (bench). On a
 * fiber.
 *
 *     imap_client_open()          connects, TLS, greeting, login
 *     imap_client_run()           a command: untagged responses go to take, the tagged one is the
 * result imap_client_close()
 *
 * Functions return 0, a negative errno when the connection is good for nothing any more, or
 * IMAP_CLIENT_NO when the server refused; imap_client_why() then says why. */
#ifndef VEREDUS_CLI_IMAP_CLIENT_H
#define VEREDUS_CLI_IMAP_CLIENT_H

#include "client/client_route.h"
#include "config/config.h"
#include "net/tls.h"

enum { IMAP_CLIENT_NO = 1 };

struct imap_client;

struct imap_client_config {
	enum config_tls_rule tls; /* NONE, REQUIRED (STARTTLS) or IMPLICIT */
	struct tls_client *tls_client;
	const char *user, *password;
	const char *master; /* who logs in for the user, with a password of his own; or NULL */
	int64_t timeout_ms;
	size_t response_bytes; /* the longest response that is taken */
};

enum imap_client_capability {
	IMAP_CAN_SASL_IR = 1,
	IMAP_CAN_PLAIN = 2,
	IMAP_CAN_CONDSTORE = 4,
	IMAP_CAN_NAMESPACE = 8,
	IMAP_CAN_LITERAL_PLUS = 16,
	IMAP_CAN_IDLE = 32,
};

/* A response without "* "; it is good during the call. A negative return ends the command. */
typedef int (*imap_client_take)(void *arg, struct slice response);

/* *out is there also on failure, for imap_client_why() and imap_client_close(). */
int imap_client_open(const struct imap_client_config *config, const struct client_hop *hop,
                     struct imap_client **out);
/* Says LOGOUT if it can. NULL is allowed. */
void imap_client_close(struct imap_client *c);
const char *imap_client_why(const struct imap_client *c);
unsigned imap_client_capabilities(const struct imap_client *c);

/* Sends a command line without tag and CRLF, and reads up to its tagged response. */
int imap_client_run(struct imap_client *c, imap_client_take take, void *arg, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* The same with a literal at its end. */
int imap_client_run_literal(struct imap_client *c, struct slice literal, imap_client_take take,
                            void *arg, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* IDLE until done() says so, which is asked after each response; then DONE. */
int imap_client_idle(struct imap_client *c, imap_client_take take, void *arg,
                     bool (*done)(void *arg), int64_t deadline);
/* A name or another text as a quoted string, in the arena. */
const char *imap_client_quoted(struct arena *arena, struct slice text);

#endif
