/* The configuration: DIR/veredus.conf, read by libConfuse through one table of options.
 *
 * Each option stands once in config_options.c with its default and one line of explanation; the
 * reference manual is printed from that table. A config is immutable once loaded. Times are
 * milliseconds here, with units in the file ("5m"). Sizes are bytes here, with units in the file
 * ("50M"). */
#ifndef VEREDUS_CONFIG_CONFIG_H
#define VEREDUS_CONFIG_CONFIG_H

#include <stdio.h>

#include "base/arena.h"
#include "config/config_guard.h"
#include "config/config_passdb.h"
#include "message/limits.h"
#include "net/address.h"

enum listener_kind {
	LISTENER_SMTP,        /* strangers: 25, 2525 */
	LISTENER_SUBMISSION,  /* our users, STARTTLS: 587 */
	LISTENER_SUBMISSIONS, /* our users, TLS from the start: 465 */
	LISTENER_LMTP,        /* other servers that leave delivery to us: RFC 2033 */
	LISTENER_LOCAL,       /* programs of this host, on a Unix socket */
	LISTENER_ODMR,        /* hosts that fetch their mail: RFC 2645 */
	LISTENER_POP3,
	LISTENER_POP3S,
	LISTENER_IMAP,
	LISTENER_IMAPS,
};

/* Where the command sendmail looks for a listener of the kind local. */
#define CONFIG_LOCAL_SOCKET "/run/veredus/sendmail"

struct config_listener {
	const char *name; /* the section's title */
	enum listener_kind kind;
	struct net_address address;
	unsigned max_sessions;
	unsigned max_sessions_per_address;
	int auth_without_tls;               /* 1, 0, or -1: as its protocol has it */
	unsigned socket_mode;               /* of a Unix socket */
	int64_t socket_uid, socket_gid;     /* -1: who the server is started as */
	struct net_network *proxy_networks; /* whose connections begin with a PROXY header */
	size_t proxy_network_count;
	int64_t proxy_timeout_ms;
	struct net_network *xclient_networks; /* who may speak for others, by XCLIENT */
	size_t xclient_network_count;
};

/* l: NULL for a listener without a section. otherwise: what its protocol has. */
static inline bool config_auth_without_tls(const struct config_listener *l, bool otherwise)
{
	return l && l->auth_without_tls >= 0 ? l->auth_without_tls > 0 : otherwise;
}

struct config_certificate {
	const char *chain_path, *key_path; /* absolute */
	const char *place;                 /* "FILE:LINE: certificate \"TITLE\"", for messages */
};

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

/* Who may do something. Trusted: has logged in, or comes from a relay network. */
enum config_who { CONFIG_WHO_NOBODY, CONFIG_WHO_TRUSTED, CONFIG_WHO_EVERYBODY };
enum bad_helo { BAD_HELO_REFUSE, BAD_HELO_TOLERATE };

/* Whose mail may come ahead of others', by MT-PRIORITY. */
enum priority_trust { PRIORITY_FROM_NOBODY, PRIORITY_FROM_TRUSTED, PRIORITY_FROM_ALL };

/* What becomes of a client that does not wait for its turn. */
enum guard_misstep { GUARD_MISSTEP_ALLOW, GUARD_MISSTEP_COUNT, GUARD_MISSTEP_REJECT };

enum bare_newline { BARE_NEWLINE_REFUSE, BARE_NEWLINE_NORMALISE };

struct config {
	const char *dir;      /* the data directory, absolute */
	const char *hostname; /* what we call ourselves: greeting, HELO, Received, Message-ID */
	int workers;          /* 0: one a core */
	const char *user;     /* run as, or NULL */

	struct config_listener *listeners;
	size_t listener_count;
	struct config_certificate *certificates;
	size_t certificate_count;
	struct net_network *relay_networks; /* may relay without logging in */
	size_t relay_network_count;
	struct slice *relay_certificates; /* of clients that may, too: tls_fingerprint() */
	size_t relay_certificate_count;
	struct config_passdb *passdbs; /* in the order in which they are asked; none: internal */
	size_t passdb_count;
	struct config_smarthost *smarthosts;
	size_t smarthost_count;
	struct config_rules rules; /* who may speak, in the order of the file */

	struct {
		uint64_t max_message_bytes;  /* 552 5.3.4 */
		unsigned max_recipients;     /* 452 4.5.3 */
		unsigned max_errors;         /* then 421 4.7.0 */
		unsigned max_login_failures; /* a session; then 421 4.7.0 */
		unsigned max_transactions;   /* a session; then 421 4.7.0; 0: no limit */
		unsigned max_command_bytes;  /* 500 5.5.6 */
		unsigned max_received;       /* trace fields before it is a loop: 554 5.4.6 */
		uint64_t memory_bytes;       /* of a message that is kept in memory while it
		                                comes; what is larger goes to a file */
		enum bare_newline bare_newline;
		enum bad_helo bad_helo;
		int64_t command_timeout_ms; /* RFC 5321 section 4.5.3.2.7 */
		int64_t data_timeout_ms;    /* between blocks: 4.5.3.2.5 */
		unsigned min_data_rate;     /* bytes a second; see smtp_data.c */
		bool auth_without_tls;      /* allow PLAIN and LOGIN in clear */
		bool check_from;            /* of who has logged in: 550 5.7.1 */
		int64_t min_deliver_by_ms;  /* of BY=...;R */
		int64_t max_hold_ms;        /* of HOLDFOR and HOLDUNTIL; 0: FUTURERELEASE is off */
		enum priority_trust priority;
		const char *no_soliciting; /* keywords with commas between them, "*", or NULL */
		enum config_who vrfy;      /* who is told about local users; others 252 */
		bool turn;                 /* TURN is answered */
		enum config_who terminals; /* who may SEND, SOML and SAML */
		const char *utmp;          /* who is at which terminal; NULL: the system's */
		enum config_who sendmail_commands; /* VERB, ONEX and XUSR */
		enum config_who etrn;              /* who may have the queue run; nobody: 502 */
		bool fix_submissions;              /* complete and mend what our users hand in */
		enum config_who expn;              /* who is told about lists; nobody: 502 */
	} smtp;
	struct message_limits message;
	struct {
		int64_t idle_ms;
		unsigned max_command_bytes;  /* a command without its literals */
		uint64_t max_literal_bytes;  /* of a non-message literal */
		unsigned max_errors;         /* commands answered BAD in a row, then BYE */
		unsigned max_login_failures; /* a session, then BYE */
		bool auth_without_tls;
	} imap;
	struct {
		int64_t idle_ms;
		unsigned max_errors;         /* refused commands that end a session */
		unsigned max_login_failures; /* wrong passwords that do */
		bool auth_without_tls;
	} pop3;
	struct {
		int64_t refusal_pause_ms; /* before a wrong password is refused */
		int64_t toll_max_ms;  /* what failures before cost a login at most; 0: nothing */
		int64_t toll_half_ms; /* in which they count half */
		int64_t remember_ms;  /* a right one is not hashed again for so long */
		bool channel_binding; /* SCRAM bound to TLS is offered */
		bool client_certificates; /* are asked for, for EXTERNAL */
		const char *client_ca;    /* whose are believed, or NULL */
	} auth;
	struct {                                     /* see guard/guard.h */
		struct net_network *exempt_networks; /* neither slowed nor shut out ... */
		size_t exempt_network_count;
		bool exempt_loopback, exempt_relay_networks; /* ... and these */
		bool rdns;                                   /* look up who connects */
		int64_t rdns_timeout_ms;
		int64_t greeting_wait_ms; /* for who speaks before he was greeted; 0: don't */
		int early_talkers;        /* enum guard_misstep */
		int bad_pipelining;       /* the same */
		unsigned max_junk_commands;
		unsigned max_questions; /* VRFY and EXPN a minute and network; 0: no limit */
		bool bans;
		unsigned ban_score, slow_score;
		int64_t score_half_life_ms;
		int64_t slow_max_ms;
		int64_t ban_ms, ban_max_ms;
		unsigned network_bits_v4, network_bits_v6;
		unsigned max_tracked; /* networks, and buckets of rates */
		int64_t save_interval_ms;
	} guard;
	struct {
		const char *keytab; /* NULL: no GSSAPI */
		const char *realm, *domain;
	} kerberos;
	struct {
		const char *keys, *introspection; /* a path or URL, and a URL; one or none */
		const char *client_id, *client_secret;
		const char *issuer, *audience, *scope, *account_claim, *ca;
		int64_t leeway_ms, timeout_ms, refresh_ms;
	} oauth;
	struct {
		const char *forwarder; /* see dns.h */
		const char *trust_anchor;
		int64_t timeout_ms;
	} dns;
	struct {
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
	} queue;
	struct {
		const char *domain;           /* of names without one; NULL: the first of ours */
		const char *aliases;          /* a path */
		uint64_t default_quota_bytes; /* 0: none */
		char plus_separator;          /* '+', or 0 for none */
		unsigned max_alias_depth;
		unsigned max_alias_targets; /* of one address, all levels together */
	} local;
	struct {
		int level; /* enum log_level */
		bool json;
		int64_t journey_ms; /* how long journeys are kept; 0: for ever */
	} log;

	struct arena *arena; /* owns all of it */
};

/* Reads and checks a configuration. On failure -EINVAL (or -ENOENT) and *errors_out is a text of
 * lines "file:line: what is wrong: what to do" (free() it); otherwise *errors_out is NULL, or
 * warnings of the same shape. Not by two threads at once: libConfuse has one scanner. */
int config_load(const char *dir, struct config **out, char **errors_out);
void config_free(struct config *c);
/* The defaults alone, as for an empty file: for units. */
struct config *config_defaults(const char *dir);
/* Writes the commented file that `veredus init` makes, mode 0600. -EEXIST if there is one. */
struct config_init {
	const char *dir, *domain, *hostname;
	const char *user; /* NULL: the server stays who started it */
	int port_offset;  /* 0: standard ports on all addresses; else 127.0.0.1 and [::1] only */
};
int config_write_initial(const struct config_init *init);
/* The reference manual of all options, as mdoc, to a stream. */
void config_print_reference(FILE *out);

#endif
