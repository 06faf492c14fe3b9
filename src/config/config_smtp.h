/* The configuration of SMTP in: limits, and what is offered to whom. */
#ifndef VEREDUS_CONFIG_CONFIG_SMTP_H
#define VEREDUS_CONFIG_CONFIG_SMTP_H

#include <stdbool.h>
#include <stdint.h>

/* Who may do something. Trusted: has logged in, or comes from a relay network. */
enum config_who { CONFIG_WHO_NOBODY, CONFIG_WHO_TRUSTED, CONFIG_WHO_EVERYBODY };
enum bad_helo { BAD_HELO_REFUSE, BAD_HELO_TOLERATE };

/* Whose mail may come ahead of others', by MT-PRIORITY. */
enum priority_trust { PRIORITY_FROM_NOBODY, PRIORITY_FROM_TRUSTED, PRIORITY_FROM_ALL };

enum bare_newline { BARE_NEWLINE_REFUSE, BARE_NEWLINE_NORMALISE };

struct config_smtp {
	uint64_t max_message_bytes;  /* 552 5.3.4 */
	unsigned max_recipients;     /* 452 4.5.3 */
	unsigned max_errors;         /* then 421 4.7.0 */
	unsigned max_login_failures; /* a session; then 421 4.7.0 */
	unsigned max_transactions;   /* a session; then 421 4.7.0; 0: no limit */
	unsigned max_command_bytes;  /* 500 5.5.6 */
	unsigned max_received;       /* trace fields before it is a loop: 554 5.4.6 */
	uint64_t memory_bytes;       /* of a message that is kept in memory while it
	                                comes; what is larger goes to a file */
	bool burl;                   /* submitted mail may be taken from mailboxes (RFC 4468) */
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
	const char *no_soliciting;         /* keywords with commas between them, "*", or NULL */
	enum config_who vrfy;              /* who is told about local users; others 252 */
	bool turn;                         /* TURN is answered */
	enum config_who terminals;         /* who may SEND, SOML and SAML */
	const char *utmp;                  /* who is at which terminal; NULL: the system's */
	enum config_who sendmail_commands; /* VERB, ONEX and XUSR */
	enum config_who etrn;              /* who may have the queue run; nobody: 502 */
	bool fix_submissions;              /* complete and mend what our users hand in */
	enum config_who expn;              /* who is told about lists; nobody: 502 */
};

#endif
