/* Exchanges: GNU SASL knows how a mechanism speaks; who may log in is asked in auth.c. */
#include "auth/sasl.h"

#include <errno.h>

#include "auth/external.h"
#include "auth/kerberos.h"
#include "auth/oauth.h"
#include "auth/password.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/log.h"
#include "directory/directory.h"

/* As they are announced: best first. */
static const struct sasl_mechanism mechanisms[] = {
	{ .name = "EXTERNAL", .needs = SASL_OFFER_EXTERNAL, .speak = external_speak },
	{ .name = "GSSAPI",
	  .needs = SASL_OFFER_GSSAPI,
	  .speak = kerberos_speak,
	  .end = kerberos_end },
	{ .name = "SCRAM-SHA-256-PLUS",
	  .needs = SASL_OFFER_BINDING | SASL_OFFER_SCRAM,
	  .scram = PASSWORD_KIND_SCRAM,
	  .speak = scram_speak },
	{ .name = "SCRAM-SHA-1-PLUS",
	  .needs = SASL_OFFER_BINDING | SASL_OFFER_SCRAM,
	  .scram = PASSWORD_KIND_SCRAM_SHA1,
	  .speak = scram_speak },
	{ .name = "SCRAM-SHA-256",
	  .needs = SASL_OFFER_SCRAM,
	  .scram = PASSWORD_KIND_SCRAM,
	  .speak = scram_speak },
	{ .name = "SCRAM-SHA-1",
	  .needs = SASL_OFFER_SCRAM,
	  .scram = PASSWORD_KIND_SCRAM_SHA1,
	  .speak = scram_speak },
	{ .name = "OAUTHBEARER",
	  .needs = SASL_OFFER_OAUTH | SASL_OFFER_TLS,
	  .speak = oauth_speak_bearer },
	{ .name = "XOAUTH2",
	  .needs = SASL_OFFER_OAUTH | SASL_OFFER_TLS,
	  .speak = oauth_speak_xoauth2 },
	{ .name = "PLAIN", .needs = SASL_OFFER_CLEAR },
	{ .name = "LOGIN",
	  .needs = SASL_OFFER_CLEAR,
	  .server_speaks = true,
	  .prompts = { "Username:", "Password:" } },
	{ .name = "DIGEST-MD5",
	  .needs = SASL_OFFER_LEGACY,
	  .server_speaks = true,
	  .check = legacy_digest_is_plain },
	{ .name = "CRAM-MD5", .needs = SASL_OFFER_LEGACY, .server_speaks = true },
};
enum {
	MECHANISMS = sizeof(mechanisms) / sizeof(mechanisms[0]),
	NAMES_MAX_BYTES = 1000,
	STEPS_MAX = 8, /* no mechanism has as many: a client goes round in circles */
};

_Static_assert((int)MECHANISMS <= (int)SASL_MECHANISMS_MAX, "a mechanism would not be counted");

/* --- what is offered -------------------------------------------------------------------- */

static bool is_offered(const struct sasl_mechanism *m, unsigned offer)
{
	return (m->needs & ~offer) == 0;
}

static char *list_names(unsigned offer)
{
	struct buf text = buf_make(NAMES_MAX_BYTES);
	for (size_t i = 0; i < MECHANISMS; i++) {
		if (is_offered(&mechanisms[i], offer))
			buf_printf(&text, "%s%s", text.len > 0 ? " " : "", mechanisms[i].name);
	}
	char *names = mem_str(buf_slice(&text));
	buf_free(&text);
	return names;
}

static unsigned offer_to(struct auth *a, const struct auth_client *client)
{
	unsigned offer = conn_is_tls(client->conn) || client->clear_allowed ? SASL_OFFER_CLEAR : 0;
	if (auth_may_bind(a, client->conn))
		offer |= SASL_OFFER_BINDING;
	if (!client->is_spoken_for && conn_tls_has_peer(client->conn))
		offer |= SASL_OFFER_EXTERNAL;
	if (kerberos_serves(auth_kerberos(a), client->service))
		offer |= SASL_OFFER_GSSAPI;
	if (conn_is_tls(client->conn))
		offer |= SASL_OFFER_TLS;
	if (auth_oauth(a))
		offer |= SASL_OFFER_OAUTH;
	if (auth_has_scram(a))
		offer |= SASL_OFFER_SCRAM;
	return auth_has_legacy(a) ? offer | SASL_OFFER_LEGACY : offer;
}

const char *auth_mechanisms(struct auth *a, const struct auth_client *client)
{
	return auth_sasl(a)->names[offer_to(a, client)];
}

static const struct sasl_mechanism *find_mechanism(struct slice name)
{
	for (size_t i = 0; i < MECHANISMS; i++) {
		if (slice_equal_nocase(name, slice_from_str(mechanisms[i].name)))
			return &mechanisms[i];
	}
	return NULL;
}

/* --- what GNU SASL asks while it steps --------------------------------------------------- */

static struct slice copy_property(struct auth_exchange *e, Gsasl_property property)
{
	const char *text = gsasl_property_fast(e->session, property);
	return arena_copy(e->arena, slice_from_str(text ? text : ""));
}

static int note_claim(struct auth_exchange *e)
{
	e->claim = (struct sasl_claim){ .name = copy_property(e, GSASL_AUTHID),
		                        .password = copy_property(e, GSASL_PASSWORD),
		                        .authorize_as = copy_property(e, GSASL_AUTHZID),
		                        .made = true };
	return GSASL_OK; /* for now: conclude() has the last word */
}

static void note_name(struct auth_exchange *e)
{
	e->claim.name = copy_property(e, GSASL_AUTHID);
	e->claim.authorize_as = copy_property(e, GSASL_AUTHZID);
}

/* Asked by CRAM-MD5 and DIGEST-MD5. */
static int answer_password(struct auth_exchange *e)
{
	struct legacy_finding found;
	note_name(e);
	if (auth_find_legacy(e->auth, e->arena, e->claim.name, &found) < 0) {
		e->unavailable = true;
		return GSASL_NO_CALLBACK;
	}
	e->candidate = found.identity;
	e->may_login = found.may_login;
	e->claim.password = slice_from_str(found.password);
	return gsasl_property_set(e->session, GSASL_PASSWORD, found.password);
}

static int answer(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	struct auth_exchange *e = gsasl_session_hook_get(session);
	(void)context;
	switch (property) {
	case GSASL_VALIDATE_SIMPLE:
		return note_claim(e);
	case GSASL_PASSWORD:
		return answer_password(e);
	default:
		return GSASL_NO_CALLBACK;
	}
}

int sasl_open(struct sasl *out)
{
	if (gsasl_init(&out->gsasl) != GSASL_OK) {
		out->gsasl = NULL;
		return -ENOMEM;
	}
	gsasl_callback_set(out->gsasl, answer);
	for (unsigned offer = 0; offer < SASL_OFFERS; offer++)
		out->names[offer] = list_names(offer);
	return 0;
}

void sasl_close(struct sasl *s)
{
	if (s->gsasl)
		gsasl_done(s->gsasl);
	for (unsigned offer = 0; offer < SASL_OFFERS; offer++)
		free(s->names[offer]);
}

/* Behind the last mechanism is what none was needed for. */
static size_t count_place(size_t i) { return i < MECHANISMS ? i : SASL_MECHANISMS_MAX; }

void sasl_count(struct sasl *s, const char *mechanism, bool accepted)
{
	size_t i = 0;
	while (i < MECHANISMS &&
	       !slice_equal(slice_from_str(mechanism), slice_from_str(mechanisms[i].name)))
		i++;
	struct sasl_counts *c = &s->counts[count_place(i)];
	if (accepted)
		c->accepted++;
	else
		c->refused++;
}

bool sasl_counts(const struct sasl *s, size_t i, struct auth_mechanism_counts *out)
{
	if (i > MECHANISMS)
		return false;
	const struct sasl_counts *c = &s->counts[count_place(i)];
	*out = (struct auth_mechanism_counts){ i < MECHANISMS ? mechanisms[i].name : "login",
		                               c->accepted, c->refused };
	return true;
}

/* --- an exchange ------------------------------------------------------------------------- */

/* Who logs in as one account must not act as another. */
static bool authorizes_itself(const struct auth_exchange *e)
{
	struct slice other = e->claim.authorize_as, canonical;
	if (other.len == 0 || slice_equal(other, e->claim.name))
		return true;
	return directory_canonical_address(e->arena, other, &canonical) == 0 &&
	       slice_equal(canonical, slice_from_str(e->identity.address));
}

static enum auth_result conclude(struct auth_exchange *e)
{
	enum auth_result result = AUTH_REFUSED;
	if (e->may_login) { /* and GNU SASL has found the proof good */
		e->identity = e->candidate;
		result = AUTH_OK;
	}
	if (e->claim.made) {
		e->client.guess = hash_bytes(e->claim.password);
		result = auth_check(e->auth, e->arena, &e->client, e->claim.name, e->claim.password,
		                    &e->identity);
	}
	if (result == AUTH_OK && !authorizes_itself(e))
		result = AUTH_FORBIDDEN;
	return auth_conclude(e->auth, &e->client, e->mechanism->name, e->claim.name, result);
}

static void set_challenge(struct auth_exchange *e, struct slice bytes, struct slice *challenge_out)
{
	const char *prompt = e->steps < 2 ? e->mechanism->prompts[e->steps] : NULL;
	*challenge_out = base64_encode_arena(e->arena, prompt ? slice_from_str(prompt) : bytes);
}

/* A mechanism that GNU SASL has not, or not as we need it. */
static enum auth_result step_ours(struct auth_exchange *e, struct slice said,
                                  struct slice *challenge_out)
{
	enum auth_result result = e->mechanism->speak(e, said, challenge_out);
	if (result == AUTH_OK && !authorizes_itself(e))
		result = AUTH_FORBIDDEN;
	*challenge_out = base64_encode_arena(e->arena, *challenge_out);
	if (result == AUTH_BAD_SYNTAX)
		return result;
	if (e->concluded && result != AUTH_CONTINUE)
		return result;
	if (result == AUTH_CONTINUE)
		return ++e->steps < STEPS_MAX ? result : AUTH_BAD_SYNTAX;
	return auth_conclude(e->auth, &e->client, e->mechanism->name, e->claim.name, result);
}

static enum auth_result step(struct auth_exchange *e, struct slice answer,
                             struct slice *challenge_out)
{
	e->client.tried_ms = clock_monotonic_ms();
	if (e->mechanism->speak)
		return step_ours(e, answer, challenge_out);
	char *out = NULL;
	size_t len = 0;
	int rc = gsasl_step(e->session, answer.data, answer.len, &out, &len);
	*challenge_out = SLICE_EMPTY;
	if (rc == GSASL_NEEDS_MORE || (rc == GSASL_OK && len > 0))
		set_challenge(e, slice_of(out, len), challenge_out);
	gsasl_free(out);
	if (e->unavailable)
		return auth_conclude(e->auth, &e->client, e->mechanism->name, e->claim.name,
		                     AUTH_UNAVAILABLE);
	switch (rc) {
	case GSASL_NEEDS_MORE:
		return ++e->steps < STEPS_MAX ? AUTH_CONTINUE : AUTH_BAD_SYNTAX;
	case GSASL_OK:
		return conclude(e);
	case GSASL_MALLOC_ERROR:
		return AUTH_UNAVAILABLE;
	case GSASL_AUTHENTICATION_ERROR:
		return auth_conclude(e->auth, &e->client, e->mechanism->name, e->claim.name,
		                     AUTH_REFUSED);
	default:
		return AUTH_BAD_SYNTAX;
	}
}

static enum auth_result step_base64(struct auth_exchange *e, struct slice text,
                                    struct slice *challenge_out)
{
	struct slice bytes;
	if (!base64_decode(e->arena, text, &bytes))
		return AUTH_BAD_SYNTAX;
	if (e->mechanism->check && !e->mechanism->check(bytes))
		return AUTH_BAD_SYNTAX;
	return step(e, bytes, challenge_out);
}

static int new_exchange(struct auth *a, struct arena *arena, const struct auth_client *client,
                        const struct sasl_mechanism *mechanism, struct auth_exchange **out)
{
	struct auth_exchange *e = ARENA_NEW(arena, struct auth_exchange);
	e->auth = a;
	e->arena = arena;
	e->client = *client;
	e->mechanism = mechanism;
	*out = e;
	if (mechanism->speak)
		return 0;
	if (gsasl_server_start(auth_sasl(a)->gsasl, mechanism->name, &e->session) != GSASL_OK) {
		log_error("auth.mechanism_missing", kv_str("mechanism", mechanism->name));
		return -ENOTSUP;
	}
	gsasl_session_hook_set(e->session, e);
	return 0;
}

enum auth_result auth_begin(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice mechanism, const struct slice *initial,
                            struct auth_exchange **exchange_out, struct slice *challenge_out)
{
	struct auth_exchange *e;
	const struct sasl_mechanism *m = find_mechanism(mechanism);
	*exchange_out = NULL;
	*challenge_out = SLICE_EMPTY;
	unsigned offer = offer_to(a, client);
	if (!m)
		return AUTH_NOT_OFFERED;
	unsigned missing = m->needs & ~offer;
	if (missing == SASL_OFFER_CLEAR || missing == SASL_OFFER_TLS)
		return AUTH_NEEDS_TLS;
	if (!is_offered(m, offer))
		return AUTH_NOT_OFFERED;
	/* RFC 4954 section 4: it would answer a challenge that the client can't know. LOGIN asks
	 * what everybody knows. */
	if (initial && m->server_speaks && !m->prompts[0])
		return AUTH_BAD_SYNTAX;
	if (!auth_may_try(a, client))
		return AUTH_UNAVAILABLE;
	if (new_exchange(a, arena, client, m, &e) < 0)
		return AUTH_NOT_OFFERED;
	*exchange_out = e;
	if (m->speak && !initial)
		return AUTH_CONTINUE; /* an empty challenge: the client has the first word */
	if (m->server_speaks || !initial) {
		enum auth_result result = step(e, SLICE_EMPTY, challenge_out);
		if (result != AUTH_CONTINUE || !initial)
			return result;
	}
	/* "=" is how an empty initial response is written (RFC 4954 section 4). */
	return step_base64(e, slice_equal(*initial, SLICE("=")) ? SLICE_EMPTY : *initial,
	                   challenge_out);
}

enum auth_result auth_step(struct auth_exchange *e, struct slice answer,
                           struct slice *challenge_out)
{
	*challenge_out = SLICE_EMPTY;
	if (slice_equal(answer, SLICE("*")))
		return AUTH_CANCELLED;
	return step_base64(e, answer, challenge_out);
}

const struct auth_identity *auth_identity(const struct auth_exchange *e) { return &e->identity; }

void auth_end(struct auth_exchange *e)
{
	if (!e)
		return;
	if (e->claim.password.len > 0)
		explicit_bzero((void *)(uintptr_t)e->claim.password.data, e->claim.password.len);
	if (e->mechanism->end)
		e->mechanism->end(e);
	if (e->session)
		gsasl_finish(e->session);
}
