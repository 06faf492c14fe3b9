/* Exchanges: GNU SASL knows how a mechanism speaks; who may log in is asked in auth.c. */
#include "auth/sasl.h"

#include <errno.h>

#include "base/codec.h"
#include "base/log.h"
#include "directory/directory.h"

const struct sasl_mechanism sasl_mechanisms[] = {
	{ .name = "PLAIN", .shows_password = true },
	{ .name = "LOGIN",
	  .shows_password = true,
	  .server_speaks = true,
	  .prompts = { "Username:", "Password:" } },
};
const size_t sasl_mechanism_count = sizeof(sasl_mechanisms) / sizeof(sasl_mechanisms[0]);

struct auth_exchange {
	struct auth *auth;
	struct arena *arena;
	const struct conn *conn;
	const struct sasl_mechanism *mechanism;
	Gsasl_session *session;
	unsigned steps;
	struct sasl_claim claim;
	struct auth_identity identity;
};

Gsasl *sasl_open(void)
{
	Gsasl *context;
	if (gsasl_init(&context) != GSASL_OK)
		return NULL;
	gsasl_callback_set(context, sasl_callback);
	return context;
}

static struct slice copy_property(struct auth_exchange *e, Gsasl_property property)
{
	const char *text = gsasl_property_fast(e->session, property);
	return arena_copy(e->arena, slice_from_str(text));
}

int sasl_callback(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	(void)context;
	struct auth_exchange *e = gsasl_session_hook_get(session);
	if (property != GSASL_VALIDATE_SIMPLE)
		return GSASL_NO_CALLBACK;
	e->claim = (struct sasl_claim){ .name = copy_property(e, GSASL_AUTHID),
		                        .password = copy_property(e, GSASL_PASSWORD),
		                        .authorize_as = copy_property(e, GSASL_AUTHZID),
		                        .made = true };
	return GSASL_OK; /* for now: conclude() has the last word */
}

const char *auth_mechanisms(struct auth *a, const struct conn *c, bool clear_allowed)
{
	(void)a;
	/* All that there are show the password. */
	return conn_is_tls(c) || clear_allowed ? "PLAIN LOGIN" : "";
}

static const struct sasl_mechanism *find_mechanism(struct slice name)
{
	for (size_t i = 0; i < sasl_mechanism_count; i++) {
		if (slice_equal_nocase(name, slice_from_str(sasl_mechanisms[i].name)))
			return &sasl_mechanisms[i];
	}
	return NULL;
}

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
	if (e->claim.made)
		result = auth_check(e->auth, e->arena, e->conn, e->claim.name, e->claim.password,
		                    &e->identity);
	if (result == AUTH_OK && !authorizes_itself(e))
		result = AUTH_REFUSED;
	return auth_conclude(e->auth, e->conn, e->mechanism->name, e->claim.name, result);
}

static void set_challenge(struct auth_exchange *e, struct slice bytes, struct slice *challenge_out)
{
	const char *prompt = e->steps < 2 ? e->mechanism->prompts[e->steps] : NULL;
	*challenge_out = base64_encode_arena(e->arena, prompt ? slice_from_str(prompt) : bytes);
}

static enum auth_result step(struct auth_exchange *e, struct slice answer,
                             struct slice *challenge_out)
{
	char *out = NULL;
	size_t len = 0;
	int rc = gsasl_step(e->session, answer.data, answer.len, &out, &len);
	*challenge_out = SLICE_EMPTY;
	if (rc == GSASL_NEEDS_MORE || (rc == GSASL_OK && len > 0))
		set_challenge(e, slice_of(out, len), challenge_out);
	gsasl_free(out);
	e->steps++;
	switch (rc) {
	case GSASL_NEEDS_MORE:
		return AUTH_CONTINUE;
	case GSASL_OK:
		return conclude(e);
	case GSASL_MALLOC_ERROR:
		return AUTH_UNAVAILABLE;
	case GSASL_AUTHENTICATION_ERROR:
		return auth_conclude(e->auth, e->conn, e->mechanism->name, e->claim.name,
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
	return step(e, bytes, challenge_out);
}

static int new_exchange(struct auth *a, struct arena *arena, const struct conn *c,
                        const struct sasl_mechanism *mechanism, struct auth_exchange **out)
{
	struct auth_exchange *e = ARENA_NEW(arena, struct auth_exchange);
	e->auth = a;
	e->arena = arena;
	e->conn = c;
	e->mechanism = mechanism;
	if (gsasl_server_start(auth_gsasl(a), mechanism->name, &e->session) != GSASL_OK) {
		log_error("auth.mechanism_missing", kv_str("mechanism", mechanism->name));
		return -ENOTSUP;
	}
	gsasl_session_hook_set(e->session, e);
	*out = e;
	return 0;
}

enum auth_result auth_begin(struct auth *a, struct arena *arena, const struct conn *c,
                            bool clear_allowed, struct slice mechanism, const struct slice *initial,
                            struct auth_exchange **exchange_out, struct slice *challenge_out)
{
	struct auth_exchange *e;
	const struct sasl_mechanism *m = find_mechanism(mechanism);
	*exchange_out = NULL;
	*challenge_out = SLICE_EMPTY;
	if (!m)
		return AUTH_NOT_OFFERED;
	if (m->shows_password && !clear_allowed && !conn_is_tls(c))
		return AUTH_NEEDS_TLS;
	if (new_exchange(a, arena, c, m, &e) < 0)
		return AUTH_NOT_OFFERED;
	*exchange_out = e;
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
	gsasl_finish(e->session);
}
