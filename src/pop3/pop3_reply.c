#include "pop3/pop3_reply.h"

#include "pop3/pop3_session.h"

#include <errno.h>

static const char *const answers[POP3_ANSWER_COUNT] = {
	[POP3_OK] = "+OK\r\n",
	[POP3_OK_NAME] = "+OK now the password\r\n",
	[POP3_OK_RESET] = "+OK nothing is marked as deleted\r\n",
	[POP3_OK_DELETED] = "+OK marked as deleted\r\n",
	[POP3_OK_TLS] = "+OK begin TLS now\r\n",
	[POP3_OK_BYE] = "+OK bye\r\n",
	[POP3_OK_UPDATED] = "+OK bye, what was marked is deleted\r\n",
	[POP3_OK_CAPA] = "+OK capabilities follow\r\n",
	[POP3_OK_UTF8] = "+OK UTF-8 from now on\r\n",
	[POP3_OK_LANGUAGES] = "+OK languages follow\r\n",
	[POP3_ERR_SYNTAX] = "-ERR syntax error\r\n",
	[POP3_ERR_UNKNOWN] = "-ERR unknown command\r\n",
	[POP3_ERR_TOO_LONG] = "-ERR line too long\r\n",
	[POP3_ERR_ARGUMENT] = "-ERR wrong arguments\r\n",
	[POP3_ERR_LOGIN_FIRST] = "-ERR log in first\r\n",
	[POP3_ERR_HAS_LOGIN] = "-ERR not after login\r\n",
	[POP3_ERR_USER_FIRST] = "-ERR USER comes first\r\n",
	[POP3_ERR_CREDENTIALS] = "-ERR [AUTH] wrong name or password\r\n",
	[POP3_ERR_TOO_WEAK] = "-ERR [AUTH] an application password is required\r\n",
	[POP3_ERR_EXPIRED] = "-ERR [AUTH] the password must be changed first\r\n",
	[POP3_ERR_NEEDS_TLS] = "-ERR encryption is required, use STLS first\r\n",
	[POP3_ERR_NOT_UTF8] = "-ERR that is no UTF-8\r\n",
	[POP3_ERR_HAS_UTF8] = "-ERR not after UTF8\r\n",
	[POP3_ERR_LANGUAGE] = "-ERR no such language here\r\n",
	[POP3_ERR_HAS_TLS] = "-ERR TLS is in use already\r\n",
	[POP3_ERR_NO_TLS] = "-ERR TLS is not available here\r\n",
	[POP3_ERR_MECHANISM] = "-ERR mechanism is not offered\r\n",
	[POP3_ERR_AUTH_SYNTAX] = "-ERR can't decode that\r\n",
	[POP3_ERR_AUTH_CANCELLED] = "-ERR cancelled\r\n",
	[POP3_ERR_UNAVAILABLE] = "-ERR [SYS/TEMP] not possible now, try again later\r\n",
	[POP3_ERR_BROKEN] = "-ERR [SYS/PERM] the maildrop is damaged\r\n",
	[POP3_ERR_IN_USE] = "-ERR [IN-USE] another session has this maildrop\r\n",
	[POP3_ERR_LOGIN_DELAY] = "-ERR [LOGIN-DELAY] too soon after the last login\r\n",
	[POP3_ERR_NO_MESSAGE] = "-ERR no such message\r\n",
	[POP3_ERR_MESSAGE_GONE] = "-ERR message was removed by another session\r\n",
	[POP3_ERR_DAMAGED] = "-ERR [SYS/PERM] message can't be read\r\n",
	[POP3_ERR_NOT_REMOVED] = "-ERR [SYS/TEMP] nothing was deleted, try again later\r\n",
	[POP3_ERR_TOO_MANY_ERRORS] = "-ERR too many errors, closing\r\n",
	[POP3_ERR_SHUT_OUT] = "-ERR [SYS/TEMP] too much went wrong, closing\r\n",
	[POP3_ERR_STOPPING] = "-ERR [SYS/TEMP] shutting down, closing\r\n",
};

static struct slice pop3_answer_line(enum pop3_answer answer)
{
	return slice_from_str(answers[answer]);
}

static void pop3_write(struct pop3_session *s, struct slice text)
{
	if (s->end)
		return;
	int rc = conn_write(s->base.conn, text, pop3_deadline(s));
	if (rc < 0)
		pop3_end_on_error(s, rc);
}

/* What an answer says about who has not logged in; GUARD_OFFENCES: nothing. */
static enum guard_offence pop3_offence(enum pop3_answer answer)
{
	switch (answer) {
	case POP3_ERR_CREDENTIALS:
		return GUARD_FAILED_LOGIN;
	case POP3_ERR_SYNTAX:
	case POP3_ERR_UNKNOWN:
	case POP3_ERR_TOO_LONG:
		return GUARD_PROTOCOL_ERROR;
	default:
		return GUARD_OFFENCES;
	}
}

/* True if that was too much: the session ends. */
static bool pop3_is_shut_out(struct pop3_session *s, enum pop3_answer answer)
{
	enum guard_offence offence = pop3_offence(answer);
	if (s->account || offence == GUARD_OFFENCES ||
	    guard_weigh(s->context->guard, conn_peer(s->base.conn), offence) != -EACCES)
		return false;
	pop3_write(s, pop3_answer_line(POP3_ERR_SHUT_OUT));
	pop3_end(s, "banned");
	return true;
}

void pop3_say(struct pop3_session *s, enum pop3_answer answer)
{
	if (pop3_is_shut_out(s, answer))
		return;
	bool refused = answer >= POP3_ERR_SYNTAX && answer < POP3_ERR_TOO_MANY_ERRORS;
	if (refused && ++s->errors >= s->context->config->pop3.max_errors) {
		pop3_write(s, pop3_answer_line(POP3_ERR_TOO_MANY_ERRORS));
		pop3_end(s, "errors");
		return;
	}
	pop3_write(s, pop3_answer_line(answer));
}

void pop3_printf(struct pop3_session *s, const char *format, ...)
{
	struct buf line = buf_make(POP3_AUTH_LINE_MAX);
	va_list args;
	va_start(args, format);
	int rc = buf_vprintf(&line, format, args);
	va_end(args);
	if (rc == 0)
		pop3_write(s, buf_slice(&line));
	else
		pop3_end(s, "reply");
	buf_free(&line);
}

void pop3_say_end(struct pop3_session *s) { pop3_write(s, SLICE(".\r\n")); }
