/* The SMTP client: one engine for the queue, `veredus send` and `veredus bench`.
 *
 *     smtp_client_open(&config, &address, host, &client, &outcome)
 *         connects, reads the greeting, EHLO (or HELO), STARTTLS by rule, EHLO again, AUTH
 *     smtp_client_send(client, &mail, &outcome)        any number of times
 *         MAIL, RCPT..., DATA in one write where PIPELINING is offered; then the message
 *     smtp_client_quit(client)                         or smtp_client_close(): no good-bye
 *
 * Runs on a fiber and waits in it; a client belongs to the worker on which it was opened. Every
 * step has its own deadline, RFC 5321 section 4.5.3.2.
 *
 * Nothing here decides when to try again: a failure is handed out as a struct smtp_outcome that
 * says whether trying later may help, what the remote said, and how to tell it to a person. */
#ifndef VEREDUS_CLIENT_SMTP_CLIENT_H
#define VEREDUS_CLIENT_SMTP_CLIENT_H

#include "client/smtp_reply.h"
#include "config/config.h"
#include "message/envelope.h"
#include "net/conn.h"
#include "net/tls.h"

struct smtp_client;

/* Milliseconds; see smtp_timeouts_default(). */
struct smtp_timeouts {
	int64_t connect_ms;
	int64_t command_ms;  /* greeting, EHLO, MAIL, RCPT, and the 354 to DATA */
	int64_t block_ms;    /* between two blocks of a message */
	int64_t data_end_ms; /* for the reply to the final dot */
	/* A remote that takes each single step just in time would hold a connection for days: for
	 * a message from MAIL to its dot, and besides a second for each min_data_rate bytes of it.
	 * 0: no limit. */
	int64_t message_ms;
	unsigned min_data_rate;
};
/* 30 s to connect, else 5, 3 and 10 minutes as RFC 5321 section 4.5.3.2 has them; no limit for a
 * message. */
struct smtp_timeouts smtp_timeouts_default(void);

/* How far a failed conversation had come. */
enum smtp_stage {
	SMTP_STAGE_ROUTE, /* no address to connect to; client_route.h */
	SMTP_STAGE_CONNECT,
	SMTP_STAGE_GREETING,
	SMTP_STAGE_EHLO,
	SMTP_STAGE_TLS,
	SMTP_STAGE_AUTH,
	SMTP_STAGE_MAIL,
	SMTP_STAGE_RCPT,
	SMTP_STAGE_DATA,    /* DATA and the message up to its dot */
	SMTP_STAGE_MESSAGE, /* the reply to the dot: without it nobody knows who has the message */
};
const char *smtp_stage_name(enum smtp_stage stage); /* "connect", "RCPT", ... */

enum smtp_verdict {
	SMTP_UNTRIED, /* what a cleared outcome says: nobody may take it for success */
	SMTP_OK,
	SMTP_TEMPORARY, /* try again later, or another host */
	SMTP_PERMANENT, /* trying again gives the same */
};

/* What became of a session, a transaction or a recipient. Texts lie in the arena that the call
 * was given. */
struct smtp_outcome {
	enum smtp_verdict verdict;
	enum smtp_stage stage;
	int code;      /* the remote's reply, or 0: it did not say, text tells the trouble */
	int error;     /* negative errno when the network, TLS or protocol failed; else 0 */
	bool host;     /* the host as a whole is in trouble: other messages would fare alike */
	bool too_many; /* the transaction was full: fit for another one at once */
	enum tls_trouble tls;          /* with SMTP_STAGE_TLS */
	struct smtp_enhanced enhanced; /* the remote's, or ours (RFC 3463); always set on failure */
	struct slice text; /* one printable line: the remote's text with its codes, or ours */
};

/* Sees each line of the conversation, without line ends; is_ours: we sent it. Passwords are
 * shown as "***". message bytes are not shown. */
typedef void (*smtp_dialogue)(void *arg, bool is_ours, struct slice line);

struct smtp_client_config {
	const char *helo; /* our name; an address literal is made when NULL */
	enum config_tls_rule tls;
	struct tls_client *tls_any;       /* for OPPORTUNISTIC and REQUIRED */
	struct tls_client *tls_verified;  /* for VERIFIED and IMPLICIT */
	const struct tls_wish *wish;      /* whom TLS is to meet; NULL: host */
	const char *user, *password;      /* NULL: no AUTH, but by GSSAPI */
	enum config_auth_mechanism auth;  /* GSSAPI: by the ticket that this process has */
	bool lmtp;                        /* LHLO, and a verdict for each recipient: RFC 2033 */
	bool auth_in_clear;               /* send the password also without TLS */
	bool no_pipelining;               /* even if it is offered */
	const struct net_address *source; /* address to connect from, or NULL */
	struct smtp_timeouts timeouts;
	int64_t deadline;       /* of all up to the first message; 0: none */
	smtp_dialogue dialogue; /* or NULL */
	void *dialogue_arg;
};

/* Connects and gets ready to send. host: the server's name, for TLS (SNI, verification) and for
 * texts. config and host must stay as long as the client. Under TLS_RULE_OPPORTUNISTIC a failed
 * handshake closes the connection and the next call goes without: see outcome->stage
 * SMTP_STAGE_TLS. 0, or a negative errno and *outcome, its text in the arena. */
int smtp_client_open(const struct smtp_client_config *config, const struct net_address *to,
                     const char *host, struct arena *arena, struct smtp_client **out,
                     struct smtp_outcome *outcome);
/* The same on a connection that is there already, which becomes the client's: it is closed if this
 * fails. */
int smtp_client_start(const struct smtp_client_config *config, struct conn *conn, const char *host,
                      struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome);
/* The same on a connection that the server opened and that has turned round (RFC 2645): reads its
 * greeting, says EHLO. The connection stays the caller's; TLS and login are what they were. */
int smtp_client_turn(const struct smtp_client_config *config, struct conn *conn, const char *host,
                     struct arena *arena, struct smtp_client **out, struct smtp_outcome *outcome);
/* QUIT, waits a moment for the reply, closes. NULL is allowed. */
void smtp_client_quit(struct smtp_client *c);
/* Closes at once. NULL is allowed. */
void smtp_client_close(struct smtp_client *c);

/* Extensions that the server offered (after STARTTLS, if there was one). */
enum smtp_extension {
	SMTP_EXT_PIPELINING = 1,
	SMTP_EXT_SIZE = 2,
	SMTP_EXT_8BITMIME = 4,
	SMTP_EXT_SMTPUTF8 = 8,
	SMTP_EXT_DSN = 16,
	SMTP_EXT_STARTTLS = 32,
	SMTP_EXT_CHUNKING = 64,
	SMTP_EXT_ENHANCED = 512,
	SMTP_EXT_ESMTP = 1024, /* EHLO was understood at all */
	SMTP_EXT_BINARYMIME = 1 << 15,
	SMTP_EXT_MT_PRIORITY = 1 << 16,
	SMTP_EXT_NO_SOLICITING = 1 << 17,
	SMTP_EXT_REQUIRETLS = 1 << 18,
	SMTP_EXT_DELIVERBY = 1 << 19,
};
unsigned smtp_client_extensions(const struct smtp_client *c);
/* Of SIZE; 0 when not told. */
struct conn_tls_info smtp_client_tls(const struct smtp_client *c);
enum tls_trouble smtp_client_tls_trouble(const struct smtp_client *c);
const struct net_address *smtp_client_peer(const struct smtp_client *c);
const struct net_address *smtp_client_local(const struct smtp_client *c);
const char *smtp_client_host(const struct smtp_client *c);
/* False when the connection is good for nothing more. After a send this also tells whether the
 * next one may use it. */
bool smtp_client_is_usable(const struct smtp_client *c);
/* True if the server closed an idle connection, or said something (421) on it. */
bool smtp_client_has_input(struct smtp_client *c);
/* Messages that the server has taken on this connection. */
unsigned smtp_client_sent(const struct smtp_client *c);

struct smtp_client_recipient {
	struct slice path; /* local@domain, spelt for the wire (quoted if it must be) */
	unsigned notify;   /* DSN, bits of enum post_notify; 0: not given. Sent if DSN is offered */
	struct slice orcpt;          /* "rfc822;bob@example.test" in xtext, or empty */
	struct smtp_outcome outcome; /* out: of RCPT, or of the message if RCPT was fine */
};

/* A message on its way out. */
struct smtp_client_mail {
	struct slice reverse_path; /* local@domain for the wire; empty: <> */
	struct smtp_client_recipient *recipients;
	size_t recipient_count;
	bool body_8bit;     /* BODY=8BITMIME where offered */
	bool body_binary;   /* refused with 5.6.3 without BINARYMIME and CHUNKING (RFC 3030) */
	bool by_chunks;     /* as one chunk, with no dots stuffed, where CHUNKING is offered; only
	                       for parts whose lines end in CRLF, unless body_binary */
	bool smtputf8;      /* refused with 5.6.7 where SMTPUTF8 isn't offered (RFC 6531) */
	struct slice envid; /* DSN, xtext, or empty */
	char ret;           /* DSN: 'F', 'H' or 0 */
	const struct envelope_options *options; /* or NULL. Sent as far as the server knows them */
	uint64_t size_bytes;                    /* for SIZE; 0: not told */

	/* The bytes: the parts one after the other, then what read() gives. Lines end in CRLF;
	 * dots are stuffed here. */
	const struct slice *parts;
	size_t part_count;
	/* Or NULL. Bytes put into `into`, 0 at the end, or a negative errno: the connection is
	 * then dropped in the middle, so that no half message is ever taken for a whole one. */
	int64_t (*read)(void *arg, void *into, size_t len);
	void *read_arg;
	/* Or NULL. Asked when the parts have been read, before the end of the message is sent;
	 * false: they were not what they should be, and the connection is dropped. */
	bool (*is_whole)(const void *arg);
	const void *whole_arg;
	/* The parts are dot-stuffed already and end in CRLF.CRLF: the load generator's. */
	bool is_stuffed;
};

/* How many of these recipients, from the first on, may be in the next transaction by the server's
 * LIMITS (RFC 9422), or by where it said that there were too many; they are counted as being in it.
 * 0: it takes another session. */
size_t smtp_client_fit(struct smtp_client *c, const struct smtp_client_recipient *recipients,
                       size_t count);
/* True if the server takes no more transactions in this session. */
bool smtp_client_is_full(const struct smtp_client *c);

/* One transaction. Returns 0 when at least one recipient has the message; otherwise -EREMOTEIO
 * (the remote refused) or another negative errno, with *outcome. Each recipient's outcome is set
 * in every case. The session stays usable after refusals; see smtp_client_is_usable(). */
int smtp_client_send(struct smtp_client *c, struct smtp_client_mail *mail, struct arena *arena,
                     struct smtp_outcome *outcome);

/* Asks for a recipient, with the null reverse-path, and sends nothing. 0 if it would be taken; else
 * a negative errno and *outcome, whose stage is RCPT if the recipient was refused. */
int smtp_client_verify(struct smtp_client *c, struct slice path, struct arena *arena,
                       struct smtp_outcome *outcome);

/* The outcome for a trouble of our own making or of the network, e.g.
 *   smtp_outcome_trouble(arena, SMTP_STAGE_CONNECT, -ECONNREFUSED, "4.4.1", "mx.example.test") */
struct smtp_outcome smtp_outcome_trouble(struct arena *arena, enum smtp_stage stage, int error,
                                         const char *enhanced, const char *where);

#endif
