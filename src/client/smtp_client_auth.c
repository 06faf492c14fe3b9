/* AUTH as a client (RFC 4954), by GNU SASL.
 *
 * A step may take long: it asks a KDC, or hashes a password as often as the server wishes. So
 * steps are made on the thread pool. */
#include <errno.h>
#include <gsasl.h>

#include "base/codec.h"
#include "client/smtp_client_internal.h"
#include "fiber/fiber.h"

enum {
	STEPS_MAX = 8,             /* no mechanism has as many */
	INITIAL_RESPONSE_MAX = 480 /* of a line of 512 octets, RFC 4954 section 4 */
};

static const struct {
	const char *name;
	enum config_auth_mechanism choice;
	bool speaks_first;
} mechanisms[] = {
	[SMTP_AUTH_SCRAM_SHA_256] = { "SCRAM-SHA-256", AUTH_MECHANISM_SCRAM_SHA_256, true },
	[SMTP_AUTH_SCRAM_SHA_1] = { "SCRAM-SHA-1", AUTH_MECHANISM_SCRAM_SHA_1, true },
	[SMTP_AUTH_DIGEST_MD5] = { "DIGEST-MD5", AUTH_MECHANISM_DIGEST_MD5, false },
	[SMTP_AUTH_CRAM_MD5] = { "CRAM-MD5", AUTH_MECHANISM_CRAM_MD5, false },
	[SMTP_AUTH_PLAIN] = { "PLAIN", AUTH_MECHANISM_PLAIN, true },
	[SMTP_AUTH_LOGIN] = { "LOGIN", AUTH_MECHANISM_LOGIN, false },
	[SMTP_AUTH_GSSAPI] = { "GSSAPI", AUTH_MECHANISM_GSSAPI, true },
};

void smtp_client_note_mechanisms(struct smtp_client *c, struct slice names)
{
	while (names.len > 0) {
		struct slice name = slice_split(&names, ' ');
		for (int i = 0; i < SMTP_AUTH_MECHANISMS; i++) {
			if (slice_equal_nocase(name, slice_from_str(mechanisms[i].name)))
				c->mechanisms |= 1U << i;
		}
	}
}

static int auth_trouble(struct smtp_client *c, const char *text, struct arena *arena,
                        struct smtp_outcome *outcome)
{
	*outcome = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_AUTH,
		                          .error = -EACCES,
		                          .host = true,
		                          .enhanced = { 4, 7, 0 } };
	outcome->text = slice_from_str(arena_printf(arena, "%s: %s", c->host, text));
	return -EACCES;
}

/* The configuration's; else the strongest of those that the server knows and that need no ticket.
 * Under TLS the password may be told: servers that offer CRAM-MD5 often can't do it for all users,
 * as it needs the password in clear on their side. -1: none. */
static int choose(const struct smtp_client *c)
{
	static const int under_tls[] = { SMTP_AUTH_SCRAM_SHA_256, SMTP_AUTH_SCRAM_SHA_1,
		                         SMTP_AUTH_PLAIN,         SMTP_AUTH_LOGIN,
		                         SMTP_AUTH_DIGEST_MD5,    SMTP_AUTH_CRAM_MD5 };
	enum config_auth_mechanism wanted = c->config->auth;
	for (int i = 0; wanted != AUTH_MECHANISM_ANY && i < SMTP_AUTH_MECHANISMS; i++) {
		if (mechanisms[i].choice == wanted)
			return c->mechanisms & (1U << i) ? i : -1;
	}
	for (int i = 0; conn_is_tls(c->conn) && i < 6; i++) {
		if (c->mechanisms & (1U << under_tls[i]))
			return under_tls[i];
	}
	/* In the order of the table: what tells the password comes last. */
	for (int i = 0; i < SMTP_AUTH_GSSAPI; i++) {
		if (c->mechanisms & (1U << i))
			return i;
	}
	return -1;
}

/* --- steps ---------------------------------------------------------------------------- */

struct step {
	Gsasl_session *session;
	const char *challenge; /* base64, or NULL: the first word is ours */
	char *response;
	int rc;
};

static void make_step(void *arg)
{
	struct step *s = arg;
	s->rc = gsasl_step64(s->session, s->challenge, &s->response);
}

static bool is_fine(int sasl) { return sasl == GSASL_OK || sasl == GSASL_NEEDS_MORE; }

/* What GNU SASL says: GSASL_OK is that the exchange is over for us, and the host has proved itself
 * if the mechanism has it do so. If that is fine *response_out is in the arena (base64). */
static int next_response(Gsasl_session *session, const char *challenge, struct arena *arena,
                         struct slice *response_out)
{
	struct step step = { .session = session, .challenge = challenge };
	fiber_offload(make_step, &step);
	if (!is_fine(step.rc))
		return step.rc;
	*response_out = arena_copy(arena, slice_from_str(step.response));
	gsasl_free(step.response);
	return step.rc;
}

/* The text of a 334 is a challenge, of other replies it is for people. */
static const char *challenge_of(struct smtp_client *c, struct arena *arena)
{
	struct slice text = buf_slice(&c->reply.text);
	return arena_str(arena, slice_trim(slice_split(&text, '\n')));
}

static int begin(struct smtp_client *c, int mechanism, struct slice response, struct arena *arena)
{
	const char *name = mechanisms[mechanism].name;
	const char *line = arena_printf(arena, "AUTH %s", name), *shown = line;
	if (mechanisms[mechanism].speaks_first && response.len <= INITIAL_RESPONSE_MAX) {
		line = arena_printf(arena, "AUTH %s %.*s", name, SLICE_ARG(response));
		shown = arena_printf(arena, "AUTH %s ***", name);
	}
	return smtp_client_command(c, slice_from_str(line), slice_from_str(shown));
}

/* 0, -EACCES if GNU SASL is at a loss (*sasl_out), or an error of the connection. */
static int talk(struct smtp_client *c, int mechanism, Gsasl_session *session, struct arena *arena,
                int *sasl_out)
{
	struct slice response = SLICE_EMPTY;
	bool first = mechanisms[mechanism].speaks_first, sent = false;
	*sasl_out = first ? next_response(session, NULL, arena, &response) : GSASL_NEEDS_MORE;
	if (!is_fine(*sasl_out))
		return -EACCES;
	sent = first && response.len <= INITIAL_RESPONSE_MAX;
	int rc = begin(c, mechanism, response, arena);
	for (int i = 0; rc == 0 && c->reply.code == 334 && i < STEPS_MAX; i++) {
		if (sent || !first)
			*sasl_out = next_response(session, challenge_of(c, arena), arena,
			                          &response);
		if (!is_fine(*sasl_out)) {
			/* "*" gives up, RFC 4954 section 4. */
			rc = smtp_client_command(c, SLICE("*"), SLICE_EMPTY);
			return rc < 0 ? rc : -EACCES;
		}
		sent = true;
		rc = smtp_client_command(c, response, SLICE("***"));
	}
	return rc;
}

static void set_properties(const struct smtp_client *c, int mechanism, Gsasl_session *session)
{
	const struct smtp_client_config *config = c->config;
	if (mechanism == SMTP_AUTH_GSSAPI) {
		if (config->user)
			gsasl_property_set(session, GSASL_AUTHZID, config->user);
	} else {
		gsasl_property_set(session, GSASL_AUTHID, config->user);
		gsasl_property_set(session, GSASL_PASSWORD, config->password);
	}
	gsasl_property_set(session, GSASL_SERVICE, "smtp");
	gsasl_property_set(session, GSASL_HOSTNAME, c->host);
	gsasl_property_set(session, GSASL_QOP, "qop-auth");
}

static int authenticate(struct smtp_client *c, int mechanism, Gsasl *context, struct arena *arena,
                        struct smtp_outcome *outcome)
{
	Gsasl_session *session = NULL;
	int sasl = gsasl_client_start(context, mechanisms[mechanism].name, &session);
	if (sasl != GSASL_OK)
		return auth_trouble(c, gsasl_strerror(sasl), arena, outcome);
	set_properties(c, mechanism, session);
	int rc = talk(c, mechanism, session, arena, &sasl);
	gsasl_finish(session);
	if (rc == -EACCES) {
		const char *text = arena_printf(arena, "%s: %s", mechanisms[mechanism].name,
		                                gsasl_strerror(sasl));
		return auth_trouble(c, text, arena, outcome);
	}
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_AUTH, rc, arena, outcome);
	/* Whoever stands in for the host and knows no password says so at once (RFC 5802 section 5:
	 * the client must check the server's signature). */
	if (c->reply.code == 235 && sasl != GSASL_OK)
		return auth_trouble(c,
		                    arena_printf(arena,
		                                 "%s: 235 before the host has proved who it is",
		                                 mechanisms[mechanism].name),
		                    arena, outcome);
	if (c->reply.code != 235) {
		/* 334 means that the mechanism wants more than we have. */
		if (c->reply.code == 334)
			c->usable = false;
		return smtp_client_refused(c, SMTP_STAGE_AUTH, arena, outcome);
	}
	return 0;
}

int smtp_client_auth(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	Gsasl *context = NULL;
	if (!conn_is_tls(c->conn) && !c->config->auth_in_clear)
		return auth_trouble(c, "no TLS, and the password is not sent in clear", arena,
		                    outcome);
	int mechanism = choose(c);
	if (mechanism < 0)
		return auth_trouble(c, "offers no AUTH mechanism that we may use", arena, outcome);
	if (gsasl_init(&context) != GSASL_OK)
		return auth_trouble(c, "GNU SASL can't be used", arena, outcome);
	int rc = authenticate(c, mechanism, context, arena, outcome);
	gsasl_done(context);
	return rc;
}
