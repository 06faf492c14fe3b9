#include "smtp/smtp_reply.h"

#include "smtp/smtp_session.h"

#define LINE(text)                                                                                 \
	{                                                                                          \
		text "\r\n", sizeof(text "\r\n") - 1                                               \
	}

static const struct slice answers[SMTP_ANSWER_COUNT] = {
	[SMTP_ANSWER_OK] = LINE("250 2.0.0 OK"),
	[SMTP_ANSWER_BYE] = LINE("221 2.0.0 Bye"),
	[SMTP_ANSWER_RESET] = LINE("250 2.0.0 Reset"),
	[SMTP_ANSWER_CHUNK_OK] = LINE("250 2.0.0 Chunk taken"),
	[SMTP_ANSWER_SENDER_OK] = LINE("250 2.1.0 Sender OK"),
	[SMTP_ANSWER_RECIPIENT_OK] = LINE("250 2.1.5 Recipient OK"),
	[SMTP_ANSWER_VRFY_UNTOLD] = LINE(
		"252 2.0.0 Cannot VRFY, but will take mail and attempt delivery"),
	[SMTP_ANSWER_NOT_IN_ASCII] = LINE("252 2.6.8 Cannot tell without SMTPUTF8"),
	[SMTP_ANSWER_START_TLS] = LINE("220 2.0.0 Start TLS now"),
	[SMTP_ANSWER_AUTH_OK] = LINE("235 2.7.0 Authentication succeeded"),
	[SMTP_ANSWER_SEND_DATA] = LINE("354 Send the message, end it with a line of one dot"),

	[SMTP_ANSWER_IDLE] = LINE("421 4.4.2 Idle for too long, closing"),
	[SMTP_ANSWER_STOPPING] = LINE("421 4.3.2 Shutting down, closing"),
	[SMTP_ANSWER_TOO_MANY_ERRORS] = LINE("421 4.7.0 Too many errors, closing"),
	[SMTP_ANSWER_TOO_MANY_TRANSACTIONS] = LINE(
		"421 4.7.0 Too many messages on this connection, closing"),
	[SMTP_ANSWER_TOO_MANY_LOGINS] = LINE("421 4.7.0 Too many failed logins, closing"),
	[SMTP_ANSWER_TOO_SLOW] = LINE("421 4.4.2 Too slow, closing"),
	[SMTP_ANSWER_SHUT_OUT] = LINE("421 4.7.0 Too much went wrong, closing"),
	[SMTP_ANSWER_TOO_EARLY] = LINE("554 5.5.0 You spoke before you were greeted, closing"),
	[SMTP_ANSWER_PIPELINED] = LINE("503 5.5.0 You did not wait for the answer, closing"),
	[SMTP_ANSWER_FAR_TOO_BIG] = LINE("552 5.3.4 Message too big, closing"),
	[SMTP_ANSWER_BAD_CHUNK] = LINE("501 5.5.4 How many bytes? Closing"),

	[SMTP_ANSWER_UNKNOWN_COMMAND] = LINE("500 5.5.2 Command unknown"),
	[SMTP_ANSWER_NOT_IMPLEMENTED] = LINE("502 5.5.1 Command not implemented"),
	[SMTP_ANSWER_LINE_TOO_LONG] = LINE("500 5.5.2 Line too long"),
	[SMTP_ANSWER_BARE_NEWLINE] = LINE("500 5.5.2 Lines end with CR LF"),
	[SMTP_ANSWER_CONTROL_CHARACTER] = LINE("500 5.5.2 Control character in command"),
	[SMTP_ANSWER_NO_ARGUMENT] = LINE("501 5.5.4 This command takes no argument"),
	[SMTP_ANSWER_NEEDS_ARGUMENT] = LINE("501 5.5.4 This command needs an argument"),
	[SMTP_ANSWER_SYNTAX] = LINE("501 5.5.4 Syntax error in argument, see HELP"),
	[SMTP_ANSWER_BAD_HOST] = LINE("501 5.5.4 That is no host name"),
	[SMTP_ANSWER_BAD_NODE] = LINE("501 5.5.4 That is no domain"),
	[SMTP_ANSWER_BAD_SENDER] = LINE("501 5.1.7 Bad sender address"),
	[SMTP_ANSWER_BAD_RECIPIENT] = LINE("501 5.1.3 Bad recipient address"),
	[SMTP_ANSWER_BAD_PARAMETER] = LINE("501 5.5.4 Bad parameter"),
	[SMTP_ANSWER_UNKNOWN_PARAMETER] = LINE("555 5.5.4 Parameter not recognised"),
	[SMTP_ANSWER_NO_SUCH_HELP] = LINE("504 5.5.4 No help on that"),
	[SMTP_ANSWER_HELLO_FIRST] = LINE("503 5.5.1 Say EHLO or HELO first"),
	[SMTP_ANSWER_MAIL_FIRST] = LINE("503 5.5.1 Say MAIL first"),
	[SMTP_ANSWER_RCPT_FIRST] = LINE("503 5.5.1 Say RCPT first"),
	[SMTP_ANSWER_NO_RECIPIENTS] = LINE("554 5.5.1 No valid recipients"),
	[SMTP_ANSWER_NOT_NOW] = LINE("503 5.5.1 Not during a mail transaction"),
	[SMTP_ANSWER_BINARY_BY_BDAT] = LINE("503 5.5.1 Binary data comes by BDAT only"),
	[SMTP_ANSWER_IN_CHUNKS] = LINE("503 5.5.1 Not between the chunks of a message"),
	[SMTP_ANSWER_LOGIN_FIRST] = LINE("530 5.7.0 Authentication required"),

	[SMTP_ANSWER_HAS_TLS] = LINE("503 5.5.1 TLS is in use already"),
	[SMTP_ANSWER_HAS_LOGIN] = LINE("503 5.5.1 Authenticated already"),
	[SMTP_ANSWER_NO_SUCH_LOGIN] = LINE("550 5.7.8 No such account here"),
	[SMTP_ANSWER_AUTH_NOT_OFFERED] = LINE("504 5.5.4 Authentication mechanism not offered"),
	[SMTP_ANSWER_AUTH_NEEDS_TLS] = LINE("538 5.7.11 Encryption required, use STARTTLS first"),
	[SMTP_ANSWER_AUTH_REFUSED] = LINE("535 5.7.8 Authentication credentials invalid"),
	[SMTP_ANSWER_AUTH_TOO_WEAK] = LINE("534 5.7.9 An application password is required"),
	[SMTP_ANSWER_AUTH_EXPIRED] = LINE("432 4.7.12 The password must be changed first"),
	[SMTP_ANSWER_AUTH_BAD_SYNTAX] = LINE("501 5.5.2 Cannot decode that"),
	[SMTP_ANSWER_AUTH_LINE_TOO_LONG] = LINE("500 5.5.6 Line too long"),
	[SMTP_ANSWER_AUTH_CANCELLED] = LINE("501 5.0.0 Authentication cancelled"),
	[SMTP_ANSWER_AUTH_UNAVAILABLE] = LINE("454 4.7.0 Authentication not possible now"),

	[SMTP_ANSWER_NEEDS_UTF8] = LINE("553 5.6.7 Address beyond ASCII without SMTPUTF8"),
	[SMTP_ANSWER_NEEDS_TLS] = LINE("530 5.7.10 Encryption needed, use STARTTLS first"),
	[SMTP_ANSWER_TOO_SOON] = LINE("550 5.4.7 That is less time than is needed here"),
	[SMTP_ANSWER_HELD_TOO_LONG] = LINE("501 5.5.4 Held for longer than EHLO allows"),
	[SMTP_ANSWER_NOT_YOUR_SENDER] = LINE("553 5.7.1 Sender address is not yours"),
	[SMTP_ANSWER_SOLICITED] = LINE("550 5.7.1 Solicitations of this kind are not wanted"),
	[SMTP_ANSWER_NOT_YOUR_FROM] = LINE("550 5.7.1 From is not yours"),
	[SMTP_ANSWER_TOO_BIG] = LINE("552 5.3.4 Message too big"),
	[SMTP_ANSWER_TOO_MANY_RECIPIENTS] = LINE("452 4.5.3 Too many recipients"),
	[SMTP_ANSWER_MOVED] = LINE("551 5.1.6 User not local, and mail is not forwarded"),
	[SMTP_ANSWER_LIST_HIDDEN] = LINE("550 5.7.2 The members of this list are not told"),
	[SMTP_ANSWER_TOO_MANY_QUESTIONS] = LINE("450 4.7.1 Too many questions, try again later"),
	[SMTP_ANSWER_NO_USER] = LINE("550 5.1.1 No such user here"),
	[SMTP_ANSWER_UNVERIFIED] = LINE(
		"450 4.1.1 Its host can't be asked about that user now, try again later"),
	[SMTP_ANSWER_NO_RELAY] = LINE("550 5.7.1 Relaying denied"),
	[SMTP_ANSWER_OVER_QUOTA] = LINE("452 4.2.2 Mailbox full"),
	[SMTP_ANSWER_QUOTA_REFUSED] = LINE("552 5.2.2 Mailbox full"),
	[SMTP_ANSWER_DISABLED] = LINE("550 5.2.1 Mailbox disabled"),
	[SMTP_ANSWER_ALIAS_LOOP] = LINE("550 5.4.6 Alias loop"),
	[SMTP_ANSWER_TEMPORARY] = LINE("451 4.3.0 Trouble here, try again later"),
	[SMTP_ANSWER_BARE_IN_MESSAGE] = LINE("550 5.6.0 Bare CR or LF in message"),
	[SMTP_ANSWER_BEGINS_FOLDED] = LINE("550 5.6.0 Message begins with a folded line"),
	[SMTP_ANSWER_HEADER_NEEDS_UTF8] = LINE("550 5.6.7 An address in the header needs SMTPUTF8"),
	[SMTP_ANSWER_LONG_LINES] = LINE("550 5.6.2 A line is too long, and must not be changed"),
	[SMTP_ANSWER_DISK_FULL] = LINE("452 4.3.1 No space left, try again later"),
	[SMTP_ANSWER_CANNOT_QUEUE] = LINE("458 4.3.0 Cannot run the queue now"),
	[SMTP_ANSWER_NODE_NOT_ALLOWED] = LINE("459 4.7.1 Node not allowed: log in first"),
	[SMTP_ANSWER_NO_SUCH_QUEUE] = LINE("459 4.5.4 Node not allowed: there is no such queue"),
	[SMTP_ANSWER_VERBOSE] = LINE("250 2.0.0 Verbose mode"),
	[SMTP_ANSWER_XUSR] = LINE("250 2.0.0 Initial submission"),
	[SMTP_ANSWER_SENT] = LINE("250 2.0.0 Shown on the terminal"),
	[SMTP_ANSWER_NOT_LOGGED_IN] = LINE("450 4.2.1 User is not logged in, or takes no messages"),
	[SMTP_ANSWER_TURNING] = LINE("250 2.0.0 OK, now reversing the connection"),
	[SMTP_ANSWER_TURN_REFUSED] = LINE("450 4.7.1 ATRN request refused"),
	[SMTP_ANSWER_CANNOT_TURN] = LINE("451 4.3.0 Unable to process that now"),
	[SMTP_ANSWER_NO_MAIL] = LINE("453 4.0.0 You have no mail"),
	[SMTP_ANSWER_BAD_URL] = LINE("501 5.5.4 Not the URL of a message"),
	[SMTP_ANSWER_URL_ELSEWHERE] = LINE("554 5.7.14 URLs of other servers are not followed"),
	[SMTP_ANSWER_URL_REFUSED] = LINE("554 5.7.0 IMAP URL authorization failed"),
	[SMTP_ANSWER_URL_NOTHING] = LINE("554 5.6.6 IMAP URL resolution failed"),
	[SMTP_ANSWER_MAIL_LOOP] = LINE("554 5.4.6 Mail loop"),
};

struct slice smtp_answer_line(enum smtp_answer answer) { return answers[answer]; }

const char *smtp_refusal(enum service_limit reached)
{
	switch (reached) {
	case SERVICE_LIMIT_SHUT_OUT:
		return "421 4.7.0 You are shut out for now, closing\r\n";
	case SERVICE_LIMIT_PER_ADDRESS:
		return "421 4.7.0 Too many connections from your address, closing\r\n";
	default:
		return "421 4.3.2 Too many connections, try again later\r\n";
	}
}

static void smtp_send(struct smtp_session *s, struct slice text)
{
	if (conn_write(s->base.conn, text, smtp_command_deadline(s)) < 0)
		smtp_end(s, "lost");
}

static int smtp_line_code(struct slice line)
{
	return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

/* What ends the session says so to the log, too. */
static const char *smtp_answer_ends(enum smtp_answer answer)
{
	switch (answer) {
	case SMTP_ANSWER_BYE:
		return "quit";
	case SMTP_ANSWER_IDLE:
		return "idle";
	case SMTP_ANSWER_STOPPING:
		return "stopping";
	case SMTP_ANSWER_TOO_MANY_ERRORS:
		return "errors";
	case SMTP_ANSWER_TOO_MANY_TRANSACTIONS:
		return "transactions";
	case SMTP_ANSWER_TOO_MANY_LOGINS:
		return "logins";
	case SMTP_ANSWER_TOO_SLOW:
		return "slow";
	case SMTP_ANSWER_SHUT_OUT:
		return "banned";
	case SMTP_ANSWER_TOO_EARLY:
		return "early";
	case SMTP_ANSWER_PIPELINED:
		return "pipelining";
	case SMTP_ANSWER_FAR_TOO_BIG:
		return "size";
	case SMTP_ANSWER_BAD_CHUNK:
		return "chunk";
	default:
		return NULL;
	}
}

/* Counts a 5xx. True if it was one too many: then 421 has been said, and the session ends. */
static bool smtp_is_one_error_too_many(struct smtp_session *s)
{
	if (++s->errors < s->config->smtp.max_errors)
		return false;
	s->last_code = 421;
	smtp_send(s, answers[SMTP_ANSWER_TOO_MANY_ERRORS]);
	smtp_end(s, smtp_answer_ends(SMTP_ANSWER_TOO_MANY_ERRORS));
	return true;
}

void smtp_say(struct smtp_session *s, enum smtp_answer answer)
{
	if (answer == SMTP_ANSWER_SAID)
		return;
	answer = smtp_guard_weigh(s, answer);
	struct slice line = answers[answer];
	if (line.data[0] == '5' && smtp_is_one_error_too_many(s))
		return;
	s->last_code = smtp_line_code(line);
	smtp_send(s, line);
	const char *end = smtp_answer_ends(answer);
	if (end)
		smtp_end(s, end);
}

void smtp_say_again(struct smtp_session *s, enum smtp_answer answer)
{
	smtp_send(s, answers[answer]);
}

void smtp_say_refused(struct smtp_session *s, const struct config_reply *reply)
{
	if (reply->code >= 500 && smtp_is_one_error_too_many(s))
		return;
	s->last_code = reply->code;
	if (conn_printf(s->base.conn, smtp_command_deadline(s), "%d %s %s\r\n", reply->code,
	                reply->enhanced, reply->text) < 0)
		smtp_end(s, "lost");
}

static void smtp_send_parts(struct smtp_session *s, const struct slice *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		smtp_send(s, parts[i]);
}

static void smtp_send_path(struct smtp_session *s, struct slice text, struct slice address)
{
	const struct slice parts[] = { text, SLICE("<"), address, SLICE(">\r\n") };
	smtp_send_parts(s, parts, 4);
}

void smtp_say_greeting(struct smtp_session *s)
{
	const struct slice parts[] = { SLICE("220 "), slice_from_str(s->config->hostname),
		                       smtp_is_lmtp(s) ? SLICE(" LMTP Veredus\r\n")
		                                       : SLICE(" ESMTP Veredus\r\n") };
	smtp_send_parts(s, parts, 3);
}

static void smtp_say_extensions(struct smtp_session *s)
{
	size_t count = smtp_extension_count();
	struct arena *arena = arena_new();
	for (size_t i = 0; i < count; i++) {
		struct slice line = smtp_extension_line(s, i, arena);
		const struct slice parts[] = { i + 1 < count ? SLICE("250-") : SLICE("250 "), line,
			                       SLICE("\r\n") };
		if (line.len > 0)
			smtp_send_parts(s, parts, 3);
	}
	arena_free(arena);
}

void smtp_say_hello(struct smtp_session *s)
{
	const struct slice parts[] = { s->esmtp ? SLICE("250-") : SLICE("250 "),
		                       slice_from_str(s->config->hostname), SLICE(" greets "),
		                       slice_from_str(s->helo), SLICE("\r\n") };
	s->last_code = 250;
	smtp_send_parts(s, parts, 5);
	if (s->esmtp)
		smtp_say_extensions(s);
}

void smtp_say_priority(struct smtp_session *s, int priority)
{
	s->last_code = 250;
	if (conn_printf(s->base.conn, smtp_command_deadline(s),
	                "250 2.3.6 %d is the priority that the message gets\r\n", priority) < 0)
		smtp_end(s, "lost");
}

void smtp_say_accepted(struct smtp_session *s, const char *queue_id)
{
	const struct slice parts[] = { SLICE("250 2.0.0 Accepted, id "), slice_from_str(queue_id),
		                       SLICE("\r\n") };
	s->last_code = 250;
	smtp_send_parts(s, parts, 3);
}

void smtp_say_challenge(struct smtp_session *s, struct slice challenge)
{
	const struct slice parts[] = { SLICE("334 "), challenge, SLICE("\r\n") };
	s->last_code = 334;
	smtp_send_parts(s, parts, 3);
}

void smtp_say_address(struct smtp_session *s, struct slice address, bool is_last)
{
	s->last_code = 250;
	smtp_send_path(s, is_last ? SLICE("250 2.1.5 ") : SLICE("250-2.1.5 "), address);
}

void smtp_say_forwarded(struct smtp_session *s, struct slice address)
{
	s->last_code = 251;
	smtp_send_path(s, SLICE("251 2.1.5 User not local; will forward to "), address);
}

void smtp_say_moved(struct smtp_session *s, struct slice address)
{
	s->last_code = 551;
	if (!smtp_is_one_error_too_many(s))
		smtp_send_path(s, SLICE("551 5.1.6 User not local; please try "), address);
}

void smtp_say_ambiguous(struct smtp_session *s, const struct slice *addresses, size_t count)
{
	s->last_code = 553;
	if (smtp_is_one_error_too_many(s))
		return;
	smtp_send(s, SLICE("553-5.1.4 Ambiguous; possibilities are\r\n"));
	for (size_t i = 0; i < count; i++)
		smtp_send_path(s, i + 1 < count ? SLICE("553-5.1.4 ") : SLICE("553 5.1.4 "),
		               addresses[i]);
}

void smtp_say_step(struct smtp_session *s, const char *what, struct slice address,
                   const char *where)
{
	if (conn_printf(s->base.conn, smtp_command_deadline(s), "050 %s <%.*s>%s\r\n", what,
	                SLICE_ARG(address), where) < 0)
		smtp_end(s, "lost");
}

void smtp_say_node(struct smtp_session *s, int code, const char *before, struct slice node,
                   const char *after)
{
	s->last_code = code;
	if (conn_printf(s->base.conn, smtp_command_deadline(s), "%d 2.0.0 %s for node %.*s%s\r\n",
	                code, before, SLICE_ARG(node), after) < 0)
		smtp_end(s, "lost");
}

void smtp_say_help(struct smtp_session *s, struct slice text)
{
	s->last_code = 214;
	while (text.len > 0) {
		struct slice line = slice_split(&text, '\n');
		const struct slice parts[] = { text.len > 0 ? SLICE("214-2.0.0 ")
			                                    : SLICE("214 2.0.0 "),
			                       line, SLICE("\r\n") };
		smtp_send_parts(s, parts, 3);
	}
}
