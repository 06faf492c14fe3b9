/* Every reply of the POP3 server: RFC 1939, with the response codes of RFC 2449 ([IN-USE],
 * [LOGIN-DELAY]) and RFC 3206 ([AUTH], [SYS/TEMP], [SYS/PERM]).
 *
 * Replies go to the connection's write buffer; a failure to write ends the session. Each -ERR
 * counts as an error, and the one too many ends the session. */
#ifndef VEREDUS_POP3_POP3_REPLY_H
#define VEREDUS_POP3_POP3_REPLY_H

#include "base/slice.h"

struct pop3_session;

enum pop3_answer {
	POP3_OK,
	POP3_OK_NAME,
	POP3_OK_RESET,
	POP3_OK_DELETED,
	POP3_OK_TLS,
	POP3_OK_BYE,
	POP3_OK_UPDATED,
	POP3_OK_CAPA,
	POP3_OK_UTF8,
	POP3_OK_LANGUAGES,
	POP3_ERR_SYNTAX,
	POP3_ERR_UNKNOWN,
	POP3_ERR_TOO_LONG,
	POP3_ERR_ARGUMENT,
	POP3_ERR_LOGIN_FIRST,
	POP3_ERR_HAS_LOGIN,
	POP3_ERR_USER_FIRST,
	POP3_ERR_CREDENTIALS,
	POP3_ERR_TOO_WEAK,
	POP3_ERR_EXPIRED,
	POP3_ERR_NEEDS_TLS,
	POP3_ERR_NOT_UTF8,
	POP3_ERR_HAS_UTF8,
	POP3_ERR_LANGUAGE,
	POP3_ERR_HAS_TLS,
	POP3_ERR_NO_TLS,
	POP3_ERR_MECHANISM,
	POP3_ERR_AUTH_SYNTAX,
	POP3_ERR_AUTH_CANCELLED,
	POP3_ERR_UNAVAILABLE,
	POP3_ERR_BROKEN,
	POP3_ERR_IN_USE,
	POP3_ERR_LOGIN_DELAY,
	POP3_ERR_NO_MESSAGE,
	POP3_ERR_MESSAGE_GONE,
	POP3_ERR_DAMAGED,
	POP3_ERR_NOT_REMOVED,
	POP3_ERR_TOO_MANY_ERRORS,
	POP3_ERR_SHUT_OUT,
	POP3_ERR_STOPPING,
	POP3_ANSWER_COUNT
};

void pop3_say(struct pop3_session *s, enum pop3_answer answer);
/* A line or part of one, with its CRLF where it has one. */
void pop3_printf(struct pop3_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The end of a multi-line reply. */
void pop3_say_end(struct pop3_session *s);

#endif
