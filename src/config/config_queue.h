/* The configuration of mail for other hosts: where it goes, and how often it is tried. */
#ifndef VEREDUS_CONFIG_CONFIG_QUEUE_H
#define VEREDUS_CONFIG_CONFIG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config_guard.h"
#include "net/address.h"

enum config_tls_rule {
	TLS_RULE_NONE,          /* never */
	TLS_RULE_OPPORTUNISTIC, /* if offered, any certificate */
	TLS_RULE_REQUIRED,      /* STARTTLS or nothing, any certificate */
	TLS_RULE_VERIFIED,      /* STARTTLS, chain and name good */
	TLS_RULE_IMPLICIT,      /* TLS from the start (465), chain and name good */
};

/* How to log in at a smarthost. */
enum config_auth_mechanism {
	AUTH_MECHANISM_ANY, /* the strongest that there is with a password */
	AUTH_MECHANISM_PLAIN,
	AUTH_MECHANISM_LOGIN,
	AUTH_MECHANISM_CRAM_MD5,
	AUTH_MECHANISM_DIGEST_MD5,
	AUTH_MECHANISM_SCRAM_SHA_1,
	AUTH_MECHANISM_SCRAM_SHA_256,
	AUTH_MECHANISM_GSSAPI,
};

/* When mail is tried again, and its sender told. In a way 0 stands for: as in section queue. */
struct config_times {
	int64_t retry_first_ms; /* after the first temporary failure */
	int64_t retry_max_ms;   /* the longest pause */
	int64_t expire_ms;      /* then it bounces */
	int64_t delay_notice_ms;
};

/* An address to connect from, and the name that EHLO says there (NULL: the way's, or ours). */
struct config_source {
	struct net_address address; /* port 0 */
	const char *helo;
};
struct config_sources {
	struct config_source *items;
	size_t count;
};

/* Where mail ends, other than in a mailbox of ours: src/final/final.h. */
enum config_final { FINAL_NONE, FINAL_PIPE, FINAL_MAILDIR, FINAL_MBOX };

/* How much may go out in a minute; 0: no limit. */
struct config_rates {
	unsigned messages, recipients, connections;
};

/* Which way mail takes: a section smarthost or transport, by which it goes instead of to its MX, or
 * a section route, by which it goes there, but from other addresses or at other times. */
struct config_smarthost {
	const char *section, *title; /* as they stand in the file */
	const char *domain;          /* lower-case A-labels, or "*": all that is not local */
	const char **domains;        /* more of these */
	size_t domain_count;
	/* Of whom the mail must be: the sender, and the account that handed it in. */
	struct config_patterns sender, account;
	bool direct; /* a section route: host is NULL */
	struct config_times times;
	struct config_sources sources; /* none: those of the section queue */
	const char *helo;
	const char *host; /* a name or an address literal without brackets */
	uint16_t port;
	enum config_tls_rule tls;
	const char *user, *password; /* NULL: no AUTH. password comes from password-file */
	enum config_auth_mechanism auth;
	bool lmtp, everybody;    /* a transport (host may be "unix:/path"); all may send there */
	enum config_final final; /* a transport, too; then host is NULL. config_template.h: */
	const char **command;    /* of FINAL_PIPE: templates, a NULL behind the last */
	const char *path;        /* of the others: a template */
	const char *unix_user;   /* a template; or NULL */
	const char *unix_group;  /* or NULL */
	int64_t time_limit_ms;
	unsigned max_deliveries;   /* at a time */
	struct config_rates rates; /* of all that goes this way */
};

struct config_queue {
	struct config_times times;
	bool delay_notice_unasked;                  /* also to who did not say NOTIFY */
	unsigned max_connections;                   /* out, in all */
	unsigned first_connections_per_destination; /* till it has shown what it takes */
	unsigned max_connections_per_destination;
	struct config_rates rates; /* of each destination */
	int64_t connect_timeout_ms;
	int64_t connect_fallback_ms; /* to the next address of the same host */
	int64_t command_timeout_ms;
	int64_t data_timeout_ms;       /* for the reply to the final dot: RFC 5321 4.5.3.2.6 */
	int64_t message_timeout_ms;    /* for a whole message up to the dot, besides ... */
	unsigned min_data_rate;        /* ... a second for each so many bytes */
	uint16_t smtp_port;            /* 25, but for tests */
	struct config_sources sources; /* for ways that have none; none: what the system says */
	unsigned max_recipients_per_transaction;
	unsigned max_reports_per_sender; /* an hour; 0: no limit */
	int64_t report_digest_ms;        /* after which the sender is told of the rest */
	unsigned max_bounce_searches;    /* a minute */
	bool double_bounces;             /* told to postmaster */
	unsigned max_double_bounces;     /* an hour */
	bool tls;                        /* opportunistic STARTTLS */
	bool dane;                       /* RFC 7672 */
	bool chunking;                   /* BDAT where offered */
	int64_t lease_ms;                /* of a process that is not heard of: queue_lease.h */
};

#endif
