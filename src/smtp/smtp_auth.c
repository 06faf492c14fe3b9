/* AUTH: RFC 4954. */
#include <errno.h>

#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

struct auth_client smtp_auth_client(const struct smtp_session *s)
{
	const struct config_listener *listener = service_config(s->base.service)->listener;
	return (struct auth_client){
		.conn = s->base.conn,
		.service = AUTH_SMTP,
		.is_spoken_for = s->told != NULL,
		.clear_allowed = config_auth_without_tls(listener,
		                                         s->config->smtp.auth_without_tls),
	};
}

static enum smtp_answer smtp_auth_answer(enum auth_result result)
{
	switch (result) {
	case AUTH_OK:
		return SMTP_ANSWER_AUTH_OK;
	case AUTH_REFUSED:
	case AUTH_FORBIDDEN:
		return SMTP_ANSWER_AUTH_REFUSED;
	case AUTH_TOO_WEAK:
		return SMTP_ANSWER_AUTH_TOO_WEAK;
	case AUTH_EXPIRED:
		return SMTP_ANSWER_AUTH_EXPIRED;
	case AUTH_NOT_OFFERED:
		return SMTP_ANSWER_AUTH_NOT_OFFERED;
	case AUTH_NEEDS_TLS:
		return SMTP_ANSWER_AUTH_NEEDS_TLS;
	case AUTH_BAD_SYNTAX:
		return SMTP_ANSWER_AUTH_BAD_SYNTAX;
	case AUTH_CANCELLED:
		return SMTP_ANSWER_AUTH_CANCELLED;
	case AUTH_CONTINUE:
	case AUTH_UNAVAILABLE:
		break;
	}
	return SMTP_ANSWER_AUTH_UNAVAILABLE;
}

/* Sends a challenge and waits for what the client says to it. False when nothing came: the
 * session has been told and ended, or goes on after a line that was too long. */
static bool smtp_auth_ask(struct smtp_session *s, struct slice challenge, struct slice *answer)
{
	smtp_say_challenge(s, challenge);
	int64_t deadline = smtp_command_deadline(s);
	int rc = conn_flush(s->base.conn, deadline);
	if (rc == 0)
		rc = conn_read_line(s->base.conn, SMTP_AUTH_LINE_MAX, answer, NULL, deadline);
	else if (rc > 0)
		rc = -EPROTO;
	if (rc == 1)
		return true;
	if (rc == -EMSGSIZE)
		smtp_say(s, SMTP_ANSWER_AUTH_LINE_TOO_LONG);
	else
		smtp_end_on_error(s, rc);
	return false;
}

/* The last word of a mechanism comes with success: it must be heard out. */
static bool smtp_auth_finish(struct smtp_session *s, struct slice challenge,
                             enum auth_result *result)
{
	struct slice answer;
	if (*result != AUTH_OK || challenge.len == 0)
		return true;
	if (!smtp_auth_ask(s, challenge, &answer))
		return false;
	if (answer.len > 0)
		*result = slice_equal(answer, SLICE("*")) ? AUTH_CANCELLED : AUTH_BAD_SYNTAX;
	return true;
}

/* Guessing has cost the guesser time already (auth.h); after some tries, the connection. */
static void smtp_auth_refused(struct smtp_session *s, enum auth_result result)
{
	if (++s->auth_failures >= s->config->smtp.max_login_failures)
		smtp_say(s, SMTP_ANSWER_TOO_MANY_LOGINS);
	else
		smtp_say(s, smtp_auth_answer(result));
}

static void smtp_auth_conclude(struct smtp_session *s, enum auth_result result,
                               const struct auth_exchange *exchange)
{
	if (result == AUTH_REFUSED || result == AUTH_FORBIDDEN || result == AUTH_TOO_WEAK) {
		smtp_auth_refused(s, result);
		return;
	}
	if (result == AUTH_OK) {
		const struct auth_identity *identity = auth_identity(exchange);
		s->client.account = arena_str(s->base.arena, slice_from_str(identity->address));
		s->client.account_id = identity->account_id;
		s->client.failed_logins = s->auth_failures;
		smtp_update_client(s);
	}
	smtp_say(s, smtp_auth_answer(result));
}

/* In an arena of its own: a client whose tries are not counted may have any number of them. */
static void smtp_auth_run(struct smtp_session *s, const struct smtp_auth_command *command)
{
	struct arena *arena = arena_new();
	struct auth_exchange *exchange = NULL;
	struct slice challenge = SLICE_EMPTY, answer;
	struct auth_client client = smtp_auth_client(s);
	enum auth_result result = auth_begin(s->context->auth, arena, &client, command->mechanism,
	                                     command->has_initial ? &command->initial : NULL,
	                                     &exchange, &challenge);
	bool heard = true;
	while (heard && result == AUTH_CONTINUE) {
		heard = smtp_auth_ask(s, challenge, &answer);
		challenge = SLICE_EMPTY;
		if (heard)
			result = auth_step(exchange, answer, &challenge);
	}
	if (heard && smtp_auth_finish(s, challenge, &result))
		smtp_auth_conclude(s, result, exchange);
	auth_end(exchange);
	arena_free(arena);
}

void smtp_auth(struct smtp_session *s, struct slice argument)
{
	struct smtp_auth_command command;
	if (s->client.account)
		smtp_say(s, SMTP_ANSWER_HAS_LOGIN);
	else if (!smtp_parse_auth(argument, &command))
		smtp_say(s, SMTP_ANSWER_AUTH_BAD_SYNTAX);
	else
		smtp_auth_run(s, &command);
}
