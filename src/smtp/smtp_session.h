/* What the files of the SMTP server share: session, transaction, recipient. Three structs, three
 * lifetimes; RSET drops the transaction, which owns its recipients. */
#ifndef VEREDUS_SMTP_SMTP_SESSION_H
#define VEREDUS_SMTP_SMTP_SESSION_H

#include "guard/guard_account.h"
#include "message/address.h"
#include "message/envelope.h"
#include "smtp/smtp.h"
#include "smtp/smtp_guard.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_reply.h"
#include "smtp/smtp_terminal.h"

enum {
	SMTP_VERB_MAX = 32, /* rows of the command table, and one for what is in none */
	/* RFC 4954 sections 3 and 4: the AUTH command, and a base64 line of its exchange. */
	SMTP_AUTH_LINE_MAX = 12288,
};

struct smtp_transaction {
	struct arena *arena; /* owns all of it, itself included */
	struct address sender;
	uint64_t declared_bytes; /* by SIZE; 0: not told */
	bool body_8bit, body_binary;
	bool smtputf8; /* RFC 6531 */
	enum smtp_terminal_kind terminal;
	char ret;           /* RFC 3461: 'F', 'H' or 0 */
	struct slice envid; /* xtext, or empty */
	struct envelope_options options;
	struct account_answer *account; /* how much the sender's account may send */
	uint64_t tags;                  /* of the guard's rules */
	const char *held_by;            /* the rule that wants it in quarantine; NULL: none */
	struct post_note *refused;      /* recipients, by rules; NULL: none. smtp_guard.c */
	size_t refused_count;
	struct post_recipient *recipients;
	size_t recipient_count, recipient_capacity;
	bool rcpt_refused;                    /* one at least */
	bool bounce_untagged, bounce_several; /* smtp_bounce.h */
	/* What checks came to; NULL: there were none. */
	struct trust_results *trust;
	struct slice content;           /* the message, while it is judged */
	struct guard_opinion *opinion;  /* of the classifier; NULL: not asked yet */
	struct attachment_facts *files; /* in it; NULL: not looked at */
	struct guard_score *score;      /* NULL: nothing was weighed */
	enum guard_fate fate;
	struct smtp_filtering *filtering; /* NULL: no filter was asked */
	struct post_refusal *refusal;     /* of POST_REFUSED */
	struct trust_spf *spf;            /* under way, or done; NULL: not asked yet */
	struct slice bcc;                 /* taken out of the message's header */
	struct smtp_chunks *chunks;       /* NULL: no BDAT yet */
	struct smtp_told *told;           /* of whose delivery the sender is to hear from us */
	size_t told_count;
};

/* One a kind of report: delivered, expanded. */
enum { SMTP_DSN_MAX = 2 };
struct smtp_dsn {
	struct post_parcel *parcels[SMTP_DSN_MAX];
	size_t count;
	struct post_client client;
	struct post_recipient recipient;
	struct post_envelope envelopes[SMTP_DSN_MAX];
};

struct smtp_verb_count {
	uint32_t tried, done;
};

struct smtp_session {
	struct session base;
	const struct smtp_context *context;
	const struct config *config;
	struct post_client client;            /* who speaks: address, HELO name, account, TLS */
	char *helo;                           /* owned; NULL before HELO or EHLO */
	bool esmtp;                           /* it was EHLO */
	bool verbose;                         /* VERB: for the next message */
	bool submission;                      /* XUSR, by who may relay */
	bool is_trusted_proxy;                /* XCLIENT and XFORWARD are for it */
	bool told_login;                      /* the account is what XCLIENT said */
	struct arena *told;                   /* what else it said; NULL: no XCLIENT yet */
	struct smtp_forward *forward;         /* XFORWARD for the next message; or NULL */
	struct smtp_transaction *transaction; /* NULL outside of one */
	unsigned errors;                      /* 5xx replies */
	unsigned auth_failures;
	unsigned transactions;     /* that were begun */
	unsigned accepted;         /* messages */
	uint64_t message_bytes;    /* of those */
	int last_code;             /* of the last reply */
	const char *end;           /* why the session ends; NULL while it goes on */
	struct guard_visit *visit; /* NULL: the guard has nothing to say about it */
	uint64_t tags;             /* by the rules, at the stage that was judged last */
	const char *held_by;       /* likewise: the rule that wants mail in quarantine; or NULL */
	bool held_for_one;         /* that is about recipients */
	unsigned junk;             /* commands since the last message that brought none nearer */
	struct smtp_verb_count counts[SMTP_VERB_MAX];
};

/* The session will end with the reason for the log; the first reason stays. */
void smtp_end(struct smtp_session *s, const char *why);
/* A wait of the session failed: says 421 where that makes sense, and ends it. */
void smtp_end_on_error(struct smtp_session *s, int error);
/* The client is to speak next, and is waited for. */
int64_t smtp_command_deadline(const struct smtp_session *s);
/* Brings session->client up to date after HELO, STARTTLS or AUTH. */
void smtp_update_client(struct smtp_session *s);
/* Forgets HELO, login and transaction: what STARTTLS demands (RFC 3207 section 4.2). */
void smtp_forget(struct smtp_session *s);
void smtp_drop_transaction(struct smtp_session *s);

/* What the session is to who checks logins. */
struct auth_client smtp_auth_client(const struct smtp_session *s);
/* Whether all that stands in From is of who has logged in, where that is wanted (smtp_sender.c). */
bool smtp_owns_from(struct smtp_session *s, struct slice message);
/* True on a submission listener before AUTH. */
bool smtp_needs_login(const struct smtp_session *s);
/* Runs one command line. */
void smtp_run_command(struct smtp_session *s, struct slice line);
/* The verb of a row of the table in lower case, "other" for the last, or NULL past the end. */
const char *smtp_command_name(size_t row, char out[static 16]);

/* True if there is such a command and it is not turned off for this session. */
bool smtp_command_is_enabled(const struct smtp_session *s, struct slice verb);

bool smtp_has_terminals(const struct smtp_session *s);
/* VERB, ONEX, XUSR: smtp_verbose.c */
bool smtp_has_sendmail(const struct smtp_session *s);
/* 050 and what becomes of the message. */
void smtp_verbose_tell(struct smtp_session *s);
/* False where mail is only fetched. */
bool smtp_takes_mail(const struct smtp_session *s);
bool smtp_has_atrn(const struct smtp_session *s);
bool smtp_has_turn(const struct smtp_session *s);

/* What EHLO says of an extension, "SIZE 1000"; empty if it is not offered to this session now. */
size_t smtp_extension_count(void);
struct slice smtp_extension_line(const struct smtp_session *s, size_t row, struct arena *arena);
bool smtp_extension_is_offered(const struct smtp_session *s, struct slice keyword);

/* Of a message that comes: how long to wait for more (smtp_data.c says why), and the wait itself; 0
 * or a negative errno. */
int64_t smtp_data_deadline(const struct smtp_session *s, int64_t started_ms, uint64_t bytes);
int smtp_data_wait(struct smtp_session *s, int64_t deadline);
/* Gives other sessions a turn when this one has used many bytes without waiting. */
void smtp_data_take_turn(uint64_t *turn_bytes, size_t used);
void smtp_data_fail(struct smtp_session *s, int error);
/* The field Received that the message will have, in the arena of the transaction. */
struct slice smtp_data_received(struct smtp_session *s, const struct post_client *client,
                                const char *queue_id);
/* The message is there: delivers it and answers. has_bare: it has a CR or LF alone that is not to
 * pass. */
/* Delivers to all recipients and answers; true if it was taken. */
bool smtp_deliver_to_all(struct smtp_session *s, struct slice message);
struct spool;
void smtp_data_finish(struct smtp_session *s, struct spool *spool, bool has_bare);
/* What that comes to, and its parts. */
enum post_result smtp_deliver(struct smtp_session *s, struct slice message,
                              char queue_id[static 17]);
/* 550 with what the script of the recipient said: POST_REFUSED. */
void smtp_say_unwanted(struct smtp_session *s);
/* Not of POST_ACCEPTED. */
enum smtp_answer smtp_result_answer(const struct config *config, enum post_result result);
void smtp_count_message(struct smtp_session *s, size_t size);
/* smtp_lmtp.c: delivers, and answers for each recipient. */
bool smtp_is_lmtp(const struct smtp_session *s);
void smtp_lmtp_finish(struct smtp_session *s, struct slice message);
/* smtp_local.c: programs of this host, on a Unix socket. */
bool smtp_is_local(const struct smtp_session *s);
/* "uid 1000": who speaks, as the kernel says; NULL for others. */
const char *smtp_local_user(const struct smtp_session *s, struct arena *arena);
/* What its addresses may be besides: of enum address_allow. */
unsigned smtp_local_allow(const struct smtp_session *s);
/* The domain of names without one, in the arena; empty if the store does not answer. */
struct slice smtp_local_domain(struct smtp_session *s, struct arena *arena);
/* Gives it to such a name; nothing to do for other listeners. False: not now. */
bool smtp_local_complete(struct smtp_session *s, struct arena *arena, struct address *a);
/* The answer to the whole message: with LMTP once for each recipient. */
void smtp_say_outcome(struct smtp_session *s, enum smtp_answer answer);
/* Lets go of what a transaction holds outside of its arena. NULL is allowed. */
void smtp_chunks_free(struct smtp_chunks *chunks);

/* May this session ask who is here? VRFY and EXPN. */
bool smtp_may_ask(const struct smtp_session *s, enum config_who who);

/* A further one, empty; valid until the next. */
struct post_recipient *smtp_new_recipient(struct smtp_transaction *t);
/* What is said of an address. */
enum smtp_answer smtp_verdict_answer(const struct config *config, enum post_verdict verdict);
/* To DATA and BDAT in a transaction without recipients: RFC 5321 section 4.1.1.4. */
enum smtp_answer smtp_nobody_answer(const struct smtp_session *s);

/* Notes that NOTIFY=SUCCESS of a recipient whose way ends here is ours to obey; what is left of
 * NOTIFY goes with the message. */
void smtp_dsn_note(struct smtp_transaction *t, struct post_recipient *r, enum post_verdict verdict);
/* The reports for a message that is about to be accepted, at most SMTP_DSN_MAX. 0, or -EAGAIN: not
 * now. Parks the fiber. */
int smtp_dsn_prepare(struct smtp_session *s, const char *queue_id, struct slice message,
                     struct smtp_dsn *out);
/* Before: those whose mail goes into quarantine, all (hold) or some, have their NOTIFY back. */
void smtp_dsn_hold(struct smtp_transaction *t, const struct post_hold *hold);
/* Leaves in t->told what is about this recipient alone. */
void smtp_dsn_narrow(struct smtp_transaction *t, const struct post_recipient *only);
void smtp_dsn_end(struct smtp_dsn *dsn, bool committed);

/* True if the peer of a new session may speak for others. */
bool smtp_is_trusted_proxy(const struct session *base);
/* What XFORWARD said of where the message comes from; NULL for nothing. */
const char *smtp_forward_text(const struct smtp_session *s, struct arena *arena);
/* NULL is allowed. */
void smtp_forward_free(struct smtp_forward *forward);

/* Handlers; the table has checked where they may stand. */
typedef void (*smtp_handler)(struct smtp_session *s, struct slice argument);
void smtp_mail(struct smtp_session *s, struct slice argument);
void smtp_rcpt(struct smtp_session *s, struct slice argument);
void smtp_vrfy(struct smtp_session *s, struct slice argument);
void smtp_expn(struct smtp_session *s, struct slice argument);
void smtp_etrn(struct smtp_session *s, struct slice argument);
void smtp_atrn(struct smtp_session *s, struct slice argument);
void smtp_turn(struct smtp_session *s, struct slice argument);
void smtp_send_command(struct smtp_session *s, struct slice argument);
void smtp_soml(struct smtp_session *s, struct slice argument);
void smtp_saml(struct smtp_session *s, struct slice argument);
void smtp_verb(struct smtp_session *s, struct slice argument);
void smtp_onex(struct smtp_session *s, struct slice argument);
void smtp_xusr(struct smtp_session *s, struct slice argument);
void smtp_data(struct smtp_session *s, struct slice argument);
void smtp_bdat(struct smtp_session *s, struct slice argument);
void smtp_auth(struct smtp_session *s, struct slice argument);
void smtp_starttls(struct smtp_session *s, struct slice argument);
void smtp_xclient(struct smtp_session *s, struct slice argument);
void smtp_xforward(struct smtp_session *s, struct slice argument);
void smtp_help(struct smtp_session *s, struct slice argument);

#endif
