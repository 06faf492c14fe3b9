/* Every reply of the SMTP server with its codes: RFC 5321 section 4.2, RFC 3463, RFC 5248.
 *
 * Replies go to the connection's write buffer. A 5xx counts as an error of the client's; the one
 * that is too many is answered with 421 instead, and the session ends. */
#ifndef VEREDUS_SMTP_SMTP_REPLY_H
#define VEREDUS_SMTP_SMTP_REPLY_H

#include "base/slice.h"
#include "net/service.h"

struct smtp_session;

enum smtp_answer {
	/* 2xx and 3xx */
	SMTP_ANSWER_OK,
	SMTP_ANSWER_BYE,
	SMTP_ANSWER_RESET,
	SMTP_ANSWER_CHUNK_OK,
	SMTP_ANSWER_SENDER_OK,
	SMTP_ANSWER_RECIPIENT_OK,
	SMTP_ANSWER_VRFY_UNTOLD,
	SMTP_ANSWER_NOT_IN_ASCII,
	SMTP_ANSWER_START_TLS,
	SMTP_ANSWER_AUTH_OK,
	SMTP_ANSWER_SEND_DATA,
	/* The session ends. */
	SMTP_ANSWER_IDLE,
	SMTP_ANSWER_STOPPING,
	SMTP_ANSWER_TOO_MANY_ERRORS,
	SMTP_ANSWER_TOO_MANY_TRANSACTIONS,
	SMTP_ANSWER_TOO_MANY_LOGINS,
	SMTP_ANSWER_TOO_SLOW,
	SMTP_ANSWER_SHUT_OUT,
	SMTP_ANSWER_TOO_EARLY,
	SMTP_ANSWER_PIPELINED,
	SMTP_ANSWER_FAR_TOO_BIG,
	SMTP_ANSWER_BAD_CHUNK,
	/* Syntax and order */
	SMTP_ANSWER_UNKNOWN_COMMAND,
	SMTP_ANSWER_NOT_IMPLEMENTED,
	SMTP_ANSWER_LINE_TOO_LONG,
	SMTP_ANSWER_BARE_NEWLINE,
	SMTP_ANSWER_CONTROL_CHARACTER,
	SMTP_ANSWER_NO_ARGUMENT,
	SMTP_ANSWER_NEEDS_ARGUMENT,
	SMTP_ANSWER_SYNTAX,
	SMTP_ANSWER_BAD_HOST,
	SMTP_ANSWER_BAD_NODE,
	SMTP_ANSWER_BAD_SENDER,
	SMTP_ANSWER_BAD_RECIPIENT,
	SMTP_ANSWER_BAD_PARAMETER,
	SMTP_ANSWER_UNKNOWN_PARAMETER,
	SMTP_ANSWER_NO_SUCH_HELP,
	SMTP_ANSWER_BAD_URL,
	SMTP_ANSWER_HELLO_FIRST,
	SMTP_ANSWER_MAIL_FIRST,
	SMTP_ANSWER_RCPT_FIRST,
	SMTP_ANSWER_NO_RECIPIENTS,
	SMTP_ANSWER_NOT_NOW,
	SMTP_ANSWER_IN_CHUNKS,
	SMTP_ANSWER_BINARY_BY_BDAT,
	SMTP_ANSWER_LOGIN_FIRST,
	/* TLS and AUTH */
	SMTP_ANSWER_HAS_TLS,
	SMTP_ANSWER_HAS_LOGIN,
	SMTP_ANSWER_NO_SUCH_LOGIN,
	SMTP_ANSWER_AUTH_NOT_OFFERED,
	SMTP_ANSWER_AUTH_NEEDS_TLS,
	SMTP_ANSWER_AUTH_REFUSED,
	SMTP_ANSWER_AUTH_TOO_WEAK,
	SMTP_ANSWER_AUTH_EXPIRED,
	SMTP_ANSWER_AUTH_BAD_SYNTAX,
	SMTP_ANSWER_AUTH_LINE_TOO_LONG,
	SMTP_ANSWER_AUTH_CANCELLED,
	SMTP_ANSWER_AUTH_UNAVAILABLE,
	/* Senders, recipients, messages */
	SMTP_ANSWER_NEEDS_UTF8,
	SMTP_ANSWER_NEEDS_TLS,
	SMTP_ANSWER_TOO_SOON,
	SMTP_ANSWER_HELD_TOO_LONG,
	SMTP_ANSWER_NOT_YOUR_SENDER,
	SMTP_ANSWER_NOT_YOUR_FROM,
	SMTP_ANSWER_SOLICITED,
	SMTP_ANSWER_TOO_BIG,
	SMTP_ANSWER_URL_ELSEWHERE,
	SMTP_ANSWER_URL_REFUSED,
	SMTP_ANSWER_URL_NOTHING,
	SMTP_ANSWER_TOO_MANY_RECIPIENTS,
	SMTP_ANSWER_TOO_MANY_QUESTIONS,
	SMTP_ANSWER_LIST_HIDDEN,
	SMTP_ANSWER_MOVED,
	SMTP_ANSWER_NO_USER,
	SMTP_ANSWER_UNVERIFIED,
	SMTP_ANSWER_NO_RELAY,
	SMTP_ANSWER_OVER_QUOTA,
	SMTP_ANSWER_QUOTA_REFUSED,
	SMTP_ANSWER_DISABLED,
	SMTP_ANSWER_ALIAS_LOOP,
	SMTP_ANSWER_TEMPORARY,
	SMTP_ANSWER_BARE_IN_MESSAGE,
	SMTP_ANSWER_BEGINS_FOLDED,
	SMTP_ANSWER_HEADER_NEEDS_UTF8,
	SMTP_ANSWER_LONG_LINES,
	SMTP_ANSWER_DISK_FULL,
	SMTP_ANSWER_CANNOT_QUEUE,
	SMTP_ANSWER_NODE_NOT_ALLOWED,
	SMTP_ANSWER_NO_SUCH_QUEUE,
	SMTP_ANSWER_VERBOSE,
	SMTP_ANSWER_XUSR,
	SMTP_ANSWER_SENT,
	SMTP_ANSWER_NOT_LOGGED_IN,
	SMTP_ANSWER_TURNING,
	SMTP_ANSWER_TURN_REFUSED,
	SMTP_ANSWER_CANNOT_TURN,
	SMTP_ANSWER_NO_MAIL,
	SMTP_ANSWER_MAIL_LOOP,
	SMTP_ANSWER_COUNT,
	SMTP_ANSWER_SAID /* by smtp_say_refused(): there is nothing to say any more */
};

void smtp_say(struct smtp_session *s, enum smtp_answer answer);
/* The same once more, for another recipient of the same message: it is no further error. */
void smtp_say_again(struct smtp_session *s, enum smtp_answer answer);
/* What a rule of the guard has to say. */
struct config_reply;
void smtp_say_refused(struct smtp_session *s, const struct config_reply *reply);
/* A whole line for a session that never was. */
const char *smtp_refusal(enum service_limit reached);

void smtp_say_greeting(struct smtp_session *s);
/* HELO, and EHLO with the extensions that this session may use. */
void smtp_say_hello(struct smtp_session *s);
/* 250 to MAIL, and the priority that it got instead of the one it wanted. */
void smtp_say_priority(struct smtp_session *s, int priority);
void smtp_say_accepted(struct smtp_session *s, const char *queue_id);
/* 334 and what the SASL mechanism says, in base64. */
void smtp_say_challenge(struct smtp_session *s, struct slice challenge);
/* 250 and an address in its brackets; for VRFY and EXPN. The last one ends the reply. */
void smtp_say_address(struct smtp_session *s, struct slice address, bool is_last);
/* The user is elsewhere: 251, mail is forwarded; 551, it is not taken. */
void smtp_say_forwarded(struct smtp_session *s, struct slice address);
void smtp_say_moved(struct smtp_session *s, struct slice address);
/* 553 and whom a name could mean, one a line: RFC 5321 section 3.5.1. */
void smtp_say_ambiguous(struct smtp_session *s, const struct slice *addresses, size_t count);
/* For VERB: "050 recipient <x> into the mailbox". */
void smtp_say_step(struct smtp_session *s, const char *what, struct slice address,
                   const char *where);
/* For ETRN: "253 2.0.0 OK, 3 pending messages for node x started". */
void smtp_say_node(struct smtp_session *s, int code, const char *before, struct slice node,
                   const char *after);
/* 214 and a help text, its lines parted by LF. */
void smtp_say_help(struct smtp_session *s, struct slice text);

/* The text with its CRLF; for tests, too. */
struct slice smtp_answer_line(enum smtp_answer answer);

#endif
