/* AUTHENTICATE, STARTTLS, UNAUTHENTICATE: RFC 5804 sections 2.1, 2.2 and 2.14.1. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "managesieve/managesieve_session.h"

struct auth_client managesieve_auth_client(const struct managesieve_session *s)
{
	const struct config_listener *listener = service_config(s->base.service)->listener;
	return (struct auth_client){
		.conn = s->base.conn,
		.service = AUTH_IMAP,
		.clear_allowed = config_auth_without_tls(
			listener, s->context->config->managesieve.auth_without_tls),
	};
}

static void refuse(struct managesieve_session *s, enum auth_result result)
{
	static const struct {
		const char *code, *text;
	} answers[] = {
		[AUTH_REFUSED] = { NULL, "Wrong name or password." },
		[AUTH_FORBIDDEN] = { NULL, "You may not act as somebody else." },
		[AUTH_TOO_WEAK] = { "AUTH-TOO-WEAK", "This account takes application passwords." },
		[AUTH_EXPIRED] = { "TRANSITION-NEEDED", "The password must be changed first." },
		[AUTH_NOT_OFFERED] = { NULL, "There is no such mechanism." },
		[AUTH_NEEDS_TLS] = { "ENCRYPT-NEEDED", "Not without TLS." },
		[AUTH_BAD_SYNTAX] = { NULL, "That is not what the mechanism expects." },
		[AUTH_CANCELLED] = { NULL, "Cancelled." },
		[AUTH_CONTINUE] = { "TRYLATER", "Not now." },
		[AUTH_UNAVAILABLE] = { "TRYLATER", "Not now." },
	};
	bool wrong = result == AUTH_REFUSED || result == AUTH_FORBIDDEN || result == AUTH_TOO_WEAK;
	if (wrong && ++s->login_failures >= s->context->config->managesieve.max_login_failures) {
		managesieve_bye(s, answers[result].code, answers[result].text);
		managesieve_end(s, "logins");
		return;
	}
	managesieve_no(s, answers[result].code, answers[result].text);
}

/* The last word of a mechanism, if there is one, comes with the OK. */
static void enter(struct managesieve_session *s, const struct auth_identity *identity,
                  struct slice last)
{
	s->account = mem_str(slice_from_str(identity->address));
	s->account_id = identity->account_id;
	if (last.len == 0) {
		managesieve_ok(s, NULL, "Welcome.");
		return;
	}
	managesieve_write(s, SLICE("OK (SASL "));
	managesieve_write_string(s, last);
	managesieve_write(s, SLICE(") \"Welcome.\"\r\n"));
}

/* Sends a challenge and waits for what the client says to it. False when nothing came. */
static bool ask(struct managesieve_session *s, struct slice challenge, struct slice *answer)
{
	struct slice line, rest;
	uint64_t bytes;
	managesieve_write_string(s, challenge);
	managesieve_write(s, SLICE("\r\n"));
	if (s->end || !managesieve_read_line(s, &line))
		return false;
	int rc = managesieve_scan_string(s->arena, line, answer, &bytes);
	if (rc == 1)
		return managesieve_read_literal(s, bytes, answer) &&
		       managesieve_read_line(s, &rest);
	if (rc < 0)
		managesieve_refuse_line(s, line, NULL, "A string is expected.");
	return rc == 0;
}

void managesieve_authenticate(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct auth_exchange *exchange = NULL;
	struct slice challenge = SLICE_EMPTY, answer;
	struct auth_client client = managesieve_auth_client(s);
	struct slice initial = c->arguments[1].text;
	if (initial.len == 0)
		initial = SLICE("=");
	enum auth_result result = auth_begin(s->context->auth, s->arena, &client,
	                                     c->arguments[0].text, c->count > 1 ? &initial : NULL,
	                                     &exchange, &challenge);
	bool heard = true;
	while (heard && result == AUTH_CONTINUE) {
		heard = ask(s, challenge, &answer);
		challenge = SLICE_EMPTY;
		if (heard)
			result = auth_step(exchange, answer, &challenge);
	}
	if (heard && result == AUTH_OK)
		enter(s, auth_identity(exchange), challenge);
	else if (heard)
		refuse(s, result);
	auth_end(exchange);
}

void managesieve_unauthenticate(struct managesieve_session *s, const struct managesieve_command *c)
{
	(void)c;
	free((char *)s->account);
	s->account = NULL;
	s->account_id = 0;
	managesieve_ok(s, NULL, "Nobody is logged in.");
}

/* What came behind STARTTLS in clear was put there by somebody in the middle. */
void managesieve_starttls(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct tls_server *tls = service_config(s->base.service)->tls;
	const char *why = NULL;
	char peer[NET_ADDRESS_TEXT_MAX];
	(void)c;
	if (conn_is_tls(s->base.conn) || !tls) {
		managesieve_no(s, NULL, tls ? "TLS is there already." : "There is no TLS here.");
		return;
	}
	conn_discard(s->base.conn);
	managesieve_ok(s, NULL, "Begin the handshake.");
	int rc = conn_flush(s->base.conn, managesieve_deadline(s));
	if (rc == 0)
		rc = conn_tls_accept(s->base.conn, tls, managesieve_deadline(s), &why);
	if (rc == 0) {
		managesieve_say_capabilities(s);
		return;
	}
	log_info("managesieve.tls.failed", kv_int("session", (int64_t)s->base.id),
	         kv_str("client", net_address_ip(conn_peer(s->base.conn), peer)), kv_error(rc),
	         kv_str("why", why));
	managesieve_end(s, "tls");
}
