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
#include "config/config_account.h"
#include "config/config_attachments.h"
#include "config/config_bounces.h"
#include "config/config_classifier.h"
#include "config/config_feedback.h"
#include "config/config_filter.h"
#include "config/config_guard.h"
#include "config/config_listen.h"
#include "config/config_login.h"
#include "config/config_passdb.h"
#include "config/config_pop3.h"
#include "config/config_quarantine.h"
#include "config/config_queue.h"
#include "config/config_quota.h"
#include "config/config_relay.h"
#include "config/config_score.h"
#include "config/config_sieve.h"
#include "config/config_smtp.h"
#include "config/config_tls.h"
#include "config/config_trust.h"
#include "message/limits.h"
#include "net/address.h"

struct config_certificate {
	const char *chain_path, *key_path; /* absolute */
	const char *place;                 /* "FILE:LINE: certificate \"TITLE\"", for messages */
};

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
	struct config_relay *relays; /* config_relay_find() */
	size_t relay_count;
	struct config_suppression *suppressions; /* config_suppression_find() */
	size_t suppression_count;
	struct config_tls *tls_minimums;
	size_t tls_minimum_count;
	struct config_rules rules; /* who may speak, in the order of the file */

	struct config_smtp smtp;
	struct message_limits message;
	struct {
		int64_t idle_ms;
		unsigned max_command_bytes;  /* a command without its literals */
		uint64_t max_literal_bytes;  /* of a non-message literal */
		unsigned max_errors;         /* commands answered BAD in a row, then BYE */
		unsigned max_login_failures; /* a session, then BYE */
		bool auth_without_tls;
		bool compress;     /* COMPRESS is offered */
		unsigned contexts; /* results of a session that are kept up to date (RFC 5267) */
		bool big_literals; /* LITERAL+ is offered, not LITERAL- */
		bool gmail_extensions;      /* X-GM-EXT-1 is announced */
		unsigned catenate_parts;    /* of one message (RFC 4469) */
		unsigned max_urls;          /* of one GENURLAUTH or URLFETCH (RFC 4467) */
		const char *url_submitters; /* accounts of other submission servers, or NULL */
		const char *url_hosts; /* names of this server in URLs besides hostname, or NULL */
		/* messages of one command (RFC 9738), and of one that copies; 0: no limit */
		unsigned message_limit, save_limit;
		int64_t progress_ms; /* between two words on how far a long command is */
		bool index;          /* of words, for SEARCH */
		uint64_t index_max_message_bytes;
		unsigned index_share; /* of a core, percent */
		int64_t index_delay_ms;
		uint64_t sort_cache_bytes; /* of orders and threads of all mailboxes */
	} imap;
	struct config_pop3 pop3;
	struct {
		int64_t idle_ms;
		unsigned max_errors;         /* refused commands that end a session */
		unsigned max_login_failures; /* wrong passwords that do */
		bool auth_without_tls;
	} managesieve;
	struct config_auth auth;
	struct config_guard guard;
	struct config_trust trust;
	struct config_dns_lists dns_lists;
	struct config_score score;
	struct config_filters filters;
	struct config_attachments attachments;
	struct config_account account;
	struct config_bounces bounces;
	struct config_classifier classifier;
	struct config_sieve sieve;
	struct config_greylist greylist;
	struct config_quarantine quarantine;
	struct config_kerberos kerberos;
	struct config_oauth oauth;
	struct {
		const char *forwarder; /* see dns.h */
		const char *trust_anchor;
		int64_t timeout_ms;
		uint64_t cache_bytes; /* 0: none */
		int64_t min_ttl_ms, max_ttl_ms;
	} dns;
	struct config_queue queue;
	struct config_mta_sts mta_sts;
	struct config_feedback tls_report, dmarc_report;
	struct config_dmarc_failure dmarc_failure;
	struct config_forward forward;
	struct config_quota quota;
	struct {
		const char *domain;           /* of names without one; NULL: the first of ours */
		const char *aliases;          /* a path */
		uint64_t default_quota_bytes; /* 0: none */
		char plus_separator;          /* '+', or 0 for none */
		unsigned max_alias_depth;
		unsigned max_alias_targets; /* of one address, all levels together */
		int64_t keep_expunged_ms;
		uint64_t keep_expunged_bytes; /* of an account; 0: no limit */
		bool compress;
		int64_t compress_after_ms;
	} local;
	struct {
		int level; /* enum log_level */
		bool json;
		int64_t journey_ms; /* how long journeys are kept; 0: for ever */
	} log;

	struct config_setting *settings; /* what was written, for config_reload() */
	size_t setting_count;
	struct config *older; /* whose place it took (config_reload.h), or NULL */
	struct arena *arena;  /* owns all of it */
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
