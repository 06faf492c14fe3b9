/* STARTTLS, LOGIN, AUTHENTICATE. */
#include "base/log.h"
#include "imap/imap_input.h"
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"

/* --- STARTTLS ------------------------------------------------------------------------ */

/* RFC 3501 section 6.2.1; RFC 9051 section 11.1 for the input that is thrown away. */
void imap_starttls(struct imap_command *c)
{
	struct imap_session *s = c->s;
	const char *why = NULL;
	if (!imap_may_start_tls(s)) {
		imap_bad(c, "TLS is not to be had here, or there already.");
		return;
	}
	imap_write_tagged(s, c->tag, IMAP_OK, NULL, "Begin TLS now.");
	imap_flush(s);
	c->status = IMAP_ANSWERED;
	conn_discard(s->session.conn);
	int rc = conn_tls_accept(s->session.conn, service_config(s->session.service)->tls,
	                         deadline_in(s->session.idle_ms), &why);
	if (rc < 0) {
		log_debug("imap.starttls.failed", kv_int("session", (int64_t)s->session.id),
		          kv_error(rc), kv_str("why", why));
		s->ending = true;
	}
}

/* --- login --------------------------------------------------------------------------- */

static void logged_in(struct imap_command *c, const struct auth_identity *identity)
{
	struct imap_session *s = c->s;
	s->state = IMAP_USER;
	s->account_id = identity->account_id;
	free(s->address);
	s->address = mem_str(slice_from_str(identity->address));
	s->session.idle_ms = imap_context(s)->config->imap.idle_ms;
	log_info("imap.login", kv_int("session", (int64_t)s->session.id),
	         kv_str("account", s->address));
	imap_ok(c, arena_printf(c->arena, "CAPABILITY %s", imap_capabilities(s, c->arena)),
	        "Logged in.");
}

static void not_logged_in(struct imap_command *c, enum auth_result result)
{
	switch (result) {
	case AUTH_NEEDS_TLS:
		imap_no(c, "PRIVACYREQUIRED", "Please use TLS first.");
		return;
	case AUTH_NOT_OFFERED:
		imap_no(c, "CANNOT", "That mechanism is not offered.");
		return;
	case AUTH_EXPIRED:
		imap_no(c, "EXPIRED", "The password must be changed first.");
		return;
	case AUTH_UNAVAILABLE:
		imap_no(c, "UNAVAILABLE", "Not possible right now; please try again later.");
		return;
	case AUTH_BAD_SYNTAX:
		imap_bad(c, "That is not what the mechanism expects.");
		return;
	case AUTH_CANCELLED:
		imap_bad(c, "Cancelled.");
		return;
	case AUTH_FORBIDDEN:
		imap_no(c, "AUTHORIZATIONFAILED", "You may not act as somebody else.");
		break;
	case AUTH_TOO_WEAK:
		/* To ask for the same password again helps nobody: the operator makes another. */
		imap_no(c, "CONTACTADMIN", "An application password is required.");
		break;
	case AUTH_CONTINUE:
	case AUTH_OK:
	case AUTH_REFUSED:
		imap_no(c, "AUTHENTICATIONFAILED", "Wrong name or password.");
		break;
	}
	if (++c->s->login_failures >= imap_context(c->s)->config->imap.max_login_failures)
		imap_bye(c->s, "Too many failures.");
}

/* login = "LOGIN" SP userid SP password */
void imap_login(struct imap_command *c)
{
	struct imap_session *s = c->s;
	struct auth_identity identity;
	struct slice name, password;

	if (!imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &name) ||
	    !imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &password)) {
		imap_bad(c, "LOGIN needs a name and a password.");
		return;
	}
	if (!imap_at_end(c))
		return;
	if (!imap_may_login(s)) {
		imap_no(c, "PRIVACYREQUIRED", "Please use TLS first.");
		return;
	}
	struct auth_client client = imap_auth_client(s);
	enum auth_result result = auth_login(imap_context(s)->auth, c->arena, &client, name,
	                                     password, &identity);
	if (result == AUTH_OK)
		logged_in(c, &identity);
	else
		not_logged_in(c, result);
}

/* Challenges and answers until it is decided. False if the connection is gone. */
static bool exchange(struct imap_command *c, struct auth_exchange *e, enum auth_result *result,
                     struct slice challenge)
{
	struct imap_session *s = c->s;
	struct slice line;
	while (*result == AUTH_CONTINUE) {
		imap_continue(s, challenge);
		if (s->write_error || !imap_input_answer(s, c->arena, &line))
			return false;
		*result = auth_step(e, line, &challenge);
	}
	if (*result != AUTH_OK || challenge.len == 0)
		return true;
	/* The server's last word: the client says nothing to it (RFC 4959 section 3), or "*" when
	 * it does not believe it. */
	imap_continue(s, challenge);
	if (s->write_error || !imap_input_answer(s, c->arena, &line))
		return false;
	if (line.len > 0)
		*result = AUTH_CANCELLED;
	return true;
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64) */
void imap_authenticate(struct imap_command *c)
{
	struct imap_session *s = c->s;
	const struct imap_context *context = imap_context(s);
	struct slice mechanism, initial = SLICE_EMPTY, challenge = SLICE_EMPTY;
	struct auth_exchange *e = NULL;

	if (!imap_take_space(&c->args) || !imap_take_atom(&c->args, &mechanism)) {
		imap_bad(c, "AUTHENTICATE needs a mechanism.");
		return;
	}
	bool has_initial = imap_take_space(&c->args);
	if (has_initial)
		initial = cursor_rest(&c->args);
	else if (!imap_at_end(c))
		return;
	struct auth_client client = imap_auth_client(s);
	enum auth_result result = auth_begin(context->auth, c->arena, &client, mechanism,
	                                     has_initial ? &initial : NULL, &e, &challenge);
	if (!exchange(c, e, &result, challenge)) {
		c->status = IMAP_ANSWERED;
		s->ending = true;
	} else if (result == AUTH_OK) {
		logged_in(c, auth_identity(e));
	} else {
		not_logged_in(c, result);
	}
	auth_end(e);
}

/* RFC 8437: as after the greeting, on the same connection. */
void imap_unauthenticate(struct imap_command *c)
{
	struct imap_session *s = c->s;
	imap_notify_drop(s);
	imap_deselect(s);
	log_info("imap.unauthenticate", kv_int("session", (int64_t)s->session.id),
	         kv_str("account", s->address));
	free(s->address);
	s->address = NULL;
	s->account_id = 0;
	s->state = IMAP_STRANGER;
	s->enabled = 0;
	if (s->session.idle_ms < 0 || s->session.idle_ms > IMAP_LOGIN_MS)
		s->session.idle_ms = IMAP_LOGIN_MS;
}
