/* The configuration of mail for other hosts: where it goes, and how often it is tried. */
#ifndef VEREDUS_CONFIG_CONFIG_QUEUE_H
#define VEREDUS_CONFIG_CONFIG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum config_tls_rule {
	TLS_RULE_NONE,          /* never */
	TLS_RULE_OPPORTUNISTIC, /* if offered, any certificate */
	TLS_RULE_REQUIRED,      /* STARTTLS or nothing, any certificate */
	TLS_RULE_VERIFIED,      /* STARTTLS, chain and name good */
	TLS_RULE_IMPLICIT,      /* TLS from the start (465), chain and name good */
};

/* Where mail for a domain (or "*": all that is not local) goes instead of its MX. */
struct config_smarthost {
	const char *domain; /* lower-case A-labels, or "*" */
	const char *host;   /* a name or an address literal without brackets */
	uint16_t port;
	enum config_tls_rule tls;
	const char *user, *password; /* NULL: no AUTH. password comes from password-file */
	bool lmtp, everybody; /* a transport (host may be "unix:/path"); all may send there */
};

struct config_queue {
	int64_t retry_first_ms;   /* after the first temporary failure */
	int64_t retry_max_ms;     /* the longest pause */
	int64_t expire_ms;        /* then it bounces */
	unsigned max_connections; /* out, in all */
	unsigned max_connections_per_destination;
	int64_t connect_timeout_ms;
	int64_t command_timeout_ms;
	int64_t data_timeout_ms;    /* for the reply to the final dot: RFC 5321 4.5.3.2.6 */
	int64_t message_timeout_ms; /* for a whole message up to the dot, besides ... */
	unsigned min_data_rate;     /* ... a second for each so many bytes */
	uint16_t smtp_port;         /* 25, but for tests */
	unsigned max_recipients_per_transaction;
	bool tls;      /* opportunistic STARTTLS */
	bool chunking; /* BDAT where offered */
};

#endif
