/* USER, PASS, AUTH and STLS: the way from the AUTHORIZATION state to the TRANSACTION state. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "pop3/pop3_parse.h"
#include "pop3/pop3_session.h"

struct auth_client pop3_auth_client(const struct pop3_session *s)
{
	const struct config_listener *listener = service_config(s->base.service)->listener;
	return (struct auth_client){
		.conn = s->base.conn,
		.service = AUTH_POP3,
		.clear_allowed = config_auth_without_tls(listener,
		                                         s->context->config->pop3.auth_without_tls),
	};
}

bool pop3_clear_allowed(const struct pop3_session *s)
{
	return conn_is_tls(s->base.conn) || pop3_auth_client(s).clear_allowed;
}

static void forget_user(struct pop3_session *s)
{
	free(s->user);
	s->user = NULL;
}

/* --- the maildrop --------------------------------------------------------------------- */

static void pop3_enter(struct pop3_session *s, const struct auth_identity *identity)
{
	struct pop3_maildrop *d = &s->maildrop;
	int rc = pop3_maildrop_open(d, s->context, identity->account_id);
	if (rc == -EBUSY || rc == -EAGAIN) {
		pop3_say(s, rc == -EBUSY ? POP3_ERR_IN_USE : POP3_ERR_LOGIN_DELAY);
		return;
	}
	if (rc < 0) {
		log_error("pop3.maildrop", kv_str("account", identity->address), kv_error(rc));
		pop3_say(s, rc == -EBADMSG ? POP3_ERR_BROKEN : POP3_ERR_UNAVAILABLE);
		return;
	}
	s->account = arena_str(s->base.arena, slice_from_str(identity->address));
	pop3_printf(s, "+OK maildrop has %u messages (%llu octets)\r\n", d->left_count,
	            (unsigned long long)d->left_bytes);
}

static void pop3_refuse_login(struct pop3_session *s, enum pop3_answer answer)
{
	pop3_say(s, answer);
	if (++s->login_failures >= s->context->config->pop3.max_login_failures)
		pop3_end(s, "logins");
}

static void pop3_conclude(struct pop3_session *s, enum auth_result result,
                          const struct auth_identity *identity)
{
	switch (result) {
	case AUTH_OK:
		pop3_enter(s, identity);
		break;
	case AUTH_REFUSED:
	case AUTH_FORBIDDEN:
		pop3_refuse_login(s, POP3_ERR_CREDENTIALS);
		break;
	case AUTH_TOO_WEAK:
		pop3_refuse_login(s, POP3_ERR_TOO_WEAK);
		break;
	case AUTH_EXPIRED:
		pop3_say(s, POP3_ERR_EXPIRED);
		break;
	case AUTH_NOT_OFFERED:
		pop3_say(s, POP3_ERR_MECHANISM);
		break;
	case AUTH_NEEDS_TLS:
		pop3_say(s, POP3_ERR_NEEDS_TLS);
		break;
	case AUTH_BAD_SYNTAX:
		pop3_say(s, POP3_ERR_AUTH_SYNTAX);
		break;
	case AUTH_CANCELLED:
		pop3_say(s, POP3_ERR_AUTH_CANCELLED);
		break;
	case AUTH_CONTINUE:
	case AUTH_UNAVAILABLE:
		pop3_say(s, POP3_ERR_UNAVAILABLE);
		break;
	}
}

/* --- USER and PASS -------------------------------------------------------------------- */

/* user = "USER" SP name                                       RFC 1939, section 7
 * Every name is taken, so that nobody learns here which accounts there are; in UTF-8 also without
 * UTF8 (RFC 6856 section 2.2). */
void pop3_user(struct pop3_session *s, struct slice argument)
{
	if (!pop3_clear_allowed(s)) {
		pop3_say(s, POP3_ERR_NEEDS_TLS);
		return;
	}
	if (!slice_is_utf8(argument)) {
		pop3_say(s, POP3_ERR_NOT_UTF8);
		return;
	}
	forget_user(s);
	s->user = mem_str(slice_trim(argument));
	pop3_say(s, POP3_OK_NAME);
}

/* pass = "PASS" SP string                                     RFC 1939, section 7
 * Spaces are part of the password. */
void pop3_pass(struct pop3_session *s, struct slice argument)
{
	if (!s->user) {
		pop3_say(s, POP3_ERR_USER_FIRST);
		return;
	}
	if (!slice_is_utf8(argument)) {
		pop3_say(s, POP3_ERR_NOT_UTF8);
		return;
	}
	struct arena *scratch = arena_new();
	struct auth_identity identity;
	struct auth_client client = pop3_auth_client(s);
	enum auth_result result = auth_login(s->context->auth, scratch, &client,
	                                     slice_from_str(s->user), argument, &identity);
	forget_user(s);
	pop3_conclude(s, result, &identity);
	arena_free(scratch);
}

/* --- AUTH ----------------------------------------------------------------------------- */

/* Sends a challenge and waits for what the client says to it. False when nothing came. */
static bool pop3_ask(struct pop3_session *s, struct slice challenge, struct slice *answer)
{
	pop3_printf(s, "+ %.*s\r\n", SLICE_ARG(challenge));
	if (s->end)
		return false;
	int rc = conn_read_line(s->base.conn, POP3_AUTH_LINE_MAX, answer, NULL, pop3_deadline(s));
	if (rc == -EMSGSIZE)
		pop3_say(s, POP3_ERR_TOO_LONG);
	else if (rc <= 0)
		pop3_end_on_error(s, rc);
	return rc == 1;
}

/* The last word of a mechanism comes with success: it must be heard out (RFC 5034 section 4). */
static bool pop3_hear_out(struct pop3_session *s, struct slice challenge, enum auth_result *result)
{
	struct slice answer;
	if (*result != AUTH_OK || challenge.len == 0)
		return true;
	if (!pop3_ask(s, challenge, &answer))
		return false;
	if (answer.len > 0)
		*result = slice_equal(answer, SLICE("*")) ? AUTH_CANCELLED : AUTH_BAD_SYNTAX;
	return true;
}

static void pop3_exchange(struct pop3_session *s, const struct pop3_auth *command,
                          struct arena *scratch)
{
	struct auth_exchange *exchange = NULL;
	struct slice challenge = SLICE_EMPTY, answer;
	struct auth_client client = pop3_auth_client(s);
	enum auth_result result = auth_begin(s->context->auth, scratch, &client, command->mechanism,
	                                     command->has_initial ? &command->initial : NULL,
	                                     &exchange, &challenge);
	bool heard = true;
	while (heard && result == AUTH_CONTINUE) {
		heard = pop3_ask(s, challenge, &answer);
		challenge = SLICE_EMPTY;
		if (heard)
			result = auth_step(exchange, answer, &challenge);
	}
	if (heard && pop3_hear_out(s, challenge, &result))
		pop3_conclude(s, result, result == AUTH_OK ? auth_identity(exchange) : NULL);
	auth_end(exchange);
}

void pop3_auth(struct pop3_session *s, struct slice argument)
{
	struct pop3_auth command;
	if (!pop3_parse_auth(argument, &command)) {
		pop3_say(s, POP3_ERR_ARGUMENT);
		return;
	}
	struct arena *scratch = arena_new();
	pop3_exchange(s, &command, scratch);
	arena_free(scratch);
}

/* --- STLS ----------------------------------------------------------------------------- */

static void pop3_handshake(struct pop3_session *s, struct tls_server *tls)
{
	const char *why = NULL;
	/* What came behind STLS in clear was put there by somebody in the middle, to be taken for
	 * what the client says under TLS (RFC 2595 section 4; RFC 3207 section 4.2). */
	conn_discard(s->base.conn);
	pop3_say(s, POP3_OK_TLS);
	int rc = conn_flush(s->base.conn, pop3_deadline(s));
	if (rc == 0)
		rc = conn_tls_accept(s->base.conn, tls, pop3_deadline(s), &why);
	if (rc < 0) {
		char peer[NET_ADDRESS_TEXT_MAX];
		log_info("pop3.tls.failed", kv_int("session", (int64_t)s->base.id),
		         kv_str("client", net_address_ip(conn_peer(s->base.conn), peer)),
		         kv_error(rc), kv_str("why", why));
		pop3_end(s, "tls");
		return;
	}
	forget_user(s);
}

void pop3_stls(struct pop3_session *s, struct slice argument)
{
	struct tls_server *tls = service_config(s->base.service)->tls;
	(void)argument;
	if (conn_is_tls(s->base.conn))
		pop3_say(s, POP3_ERR_HAS_TLS);
	else if (s->utf8) /* RFC 6856 section 2.1 */
		pop3_say(s, POP3_ERR_HAS_UTF8);
	else if (!tls)
		pop3_say(s, POP3_ERR_NO_TLS);
	else
		pop3_handshake(s, tls);
}
