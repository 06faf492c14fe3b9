#include "auth/kerberos.h"

#include <errno.h>
#include <gssapi/gssapi_ext.h>

#include "base/log.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "store/store.h"

enum { SERVICES = 3, LAYER_BYTES = 4, NO_LAYER = 1, STATUS_MAX_BYTES = 300 };

/* As they stand in tickets; "pop" is right (RFC 5034 section 6). */
static const struct {
	enum auth_service service;
	const char *name;
} services[SERVICES] = { { AUTH_SMTP, "smtp" }, { AUTH_IMAP, "imap" }, { AUTH_POP3, "pop" } };

/* RFC 1964 section 1 and section 2.1.1; gssapi_krb5.h has them too, with half of the C library that
 * we do not use. */
static const gss_OID_desc mechanism_krb5 = { 9, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };
static const gss_OID_desc principal_name = { 10,
	                                     (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01" };
#define KRB5           ((gss_OID)(uintptr_t)&mechanism_krb5)
#define PRINCIPAL_NAME ((gss_OID)(uintptr_t)&principal_name)

struct kerberos {
	char *realm, *domain;
	gss_cred_id_t credentials[SERVICES]; /* none: not served */
};

/* Where an exchange stands: first tokens go to and fro until both sides know each other, then the
 * server tells what security layers it has, and the client chooses one. */
enum phase { INTRODUCING, INTRODUCED, LAYERS_OFFERED };

struct kerberos_state {
	enum phase phase;
	gss_cred_id_t credential;
	gss_ctx_id_t context;
	gss_name_t client;
	gss_buffer_desc said, reply; /* reply is GSS's, until released */
	OM_uint32 major, minor;
};

/* --- what GSS says ------------------------------------------------------------------------ */

static size_t add_status(char *out, size_t len, OM_uint32 code, int kind)
{
	OM_uint32 minor, more = 0;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	if (gss_display_status(&minor, code, kind, KRB5, &more, &text) != GSS_S_COMPLETE)
		return len;
	int added = snprintf(out + len, STATUS_MAX_BYTES - len, "%s%.*s", len > 0 ? ": " : "",
	                     (int)text.length, (const char *)text.value);
	gss_release_buffer(&minor, &text);
	return added > 0 && (size_t)added < STATUS_MAX_BYTES - len ? len + (size_t)added : len;
}

/* For the operator. */
static const char *status_text(OM_uint32 major, OM_uint32 minor, char out[static STATUS_MAX_BYTES])
{
	out[0] = '\0';
	size_t len = add_status(out, 0, major, GSS_C_GSS_CODE);
	if (minor != 0)
		add_status(out, len, minor, GSS_C_MECH_CODE);
	return out;
}

/* --- keys --------------------------------------------------------------------------------- */

static int acquire(const struct kerberos_config *config, const char *service, gss_cred_id_t *out,
                   char *why)
{
	gss_key_value_element_desc elements[] = { { "keytab", config->keytab },
		                                  { "rcache", config->replay_cache } };
	const gss_key_value_set_desc where = { 2, elements };
	gss_OID_set_desc mechanisms = { 1, KRB5 };
	OM_uint32 major, minor, ignored;
	gss_buffer_desc text;
	gss_name_t name = GSS_C_NO_NAME;
	struct arena *arena = arena_new();
	/* By its full name: a service by host would be looked up in the DNS. */
	text.value = arena_printf(arena, "%s/%s@%s", service, config->hostname, config->realm);
	text.length = strlen(text.value);
	major = gss_import_name(&minor, &text, PRINCIPAL_NAME, &name);
	if (major == GSS_S_COMPLETE)
		major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms,
		                              GSS_C_ACCEPT, &where, out, NULL, NULL);
	if (major != GSS_S_COMPLETE) {
		*out = GSS_C_NO_CREDENTIAL;
		status_text(major, minor, why);
		log_warn("auth.kerberos_key", kv_str("principal", text.value), kv_str("why", why));
	}
	gss_release_name(&ignored, &name);
	arena_free(arena);
	return major == GSS_S_COMPLETE ? 0 : -ENOENT;
}

static char *lower(const char *text)
{
	char *copy = mem_str(slice_from_str(text));
	for (char *at = copy; *at; at++)
		*at = byte_lower(*at);
	return copy;
}

int kerberos_open(const struct kerberos_config *config, struct kerberos **out, char **why_out)
{
	struct kerberos *k = mem_zero(1, sizeof(*k));
	char why[STATUS_MAX_BYTES] = "";
	int rc = -ENOENT;
	k->realm = mem_str(slice_from_str(config->realm));
	k->domain = lower(config->domain ? config->domain : config->realm);
	for (size_t i = 0; i < SERVICES; i++) {
		if (acquire(config, services[i].name, &k->credentials[i], why) == 0)
			rc = 0;
	}
	if (rc < 0) {
		*why_out = mem_str(slice_from_str(why));
		kerberos_close(k);
		return rc;
	}
	*out = k;
	return 0;
}

void kerberos_close(struct kerberos *k)
{
	OM_uint32 minor;
	if (!k)
		return;
	for (size_t i = 0; i < SERVICES; i++)
		gss_release_cred(&minor, &k->credentials[i]);
	free(k->realm);
	free(k->domain);
	free(k);
}

static gss_cred_id_t credential_of(const struct kerberos *k, enum auth_service service)
{
	for (size_t i = 0; k && i < SERVICES; i++) {
		if (services[i].service == service)
			return k->credentials[i];
	}
	return GSS_C_NO_CREDENTIAL;
}

bool kerberos_serves(const struct kerberos *k, enum auth_service service)
{
	return credential_of(k, service) != GSS_C_NO_CREDENTIAL;
}

/* --- whose account ------------------------------------------------------------------------ */

bool kerberos_principal_user(struct slice principal, struct slice realm, struct slice *user_out)
{
	ptrdiff_t at = slice_find_last_byte(principal, '@');
	if (at < 1 || slice_find_byte(principal, '/') >= 0 || slice_find_byte(principal, '\\') >= 0)
		return false;
	if (!slice_equal(slice_from(principal, (size_t)at + 1), realm))
		return false;
	*user_out = slice_sub(principal, 0, (size_t)at);
	return true;
}

struct lookup {
	struct arena *arena;
	struct slice address, wanted; /* wanted: as the client wrote it, or empty */
	struct account account;
	bool found;
};

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	struct account other;
	int rc = directory_find_account(db, l->arena, l->address, &l->account);
	l->found = rc == 0 && l->account.enabled;
	if (l->found && l->wanted.len > 0) {
		rc = directory_find_login(db, l->arena, l->wanted, &other);
		l->found = rc == 0 && other.id == l->account.id;
	}
	return rc == -ENOENT ? 0 : rc;
}

static enum auth_result find_account(struct auth_exchange *e, const struct kerberos *k,
                                     struct slice wanted)
{
	struct lookup l = { .arena = e->arena, .wanted = wanted };
	struct slice user;
	if (!kerberos_principal_user(e->claim.name, slice_from_str(k->realm), &user))
		return AUTH_REFUSED;
	struct slice address = slice_from_str(
		arena_printf(e->arena, "%.*s@%s", SLICE_ARG(user), k->domain));
	if (directory_canonical_address(e->arena, address, &l.address) < 0)
		return AUTH_REFUSED;
	if (store_read(auth_store(e->auth), look_up, &l) < 0)
		return AUTH_UNAVAILABLE;
	e->identity = (struct auth_identity){ l.account.id, l.account.address };
	return l.found ? AUTH_OK : AUTH_REFUSED;
}

/* --- the exchange ------------------------------------------------------------------------- */

static enum auth_result refuse(const struct kerberos_state *s)
{
	char text[STATUS_MAX_BYTES];
	log_info("auth.kerberos", kv_str("why", status_text(s->major, s->minor, text)));
	return AUTH_REFUSED;
}

static void take_reply(struct auth_exchange *e, struct kerberos_state *s, struct slice *challenge)
{
	OM_uint32 minor;
	*challenge = arena_copy(e->arena, slice_of(s->reply.value, s->reply.length));
	gss_release_buffer(&minor, &s->reply);
}

static void accept_token(void *arg)
{
	struct kerberos_state *s = arg;
	OM_uint32 minor;
	gss_release_name(&minor, &s->client); /* of a token before this */
	s->major = gss_accept_sec_context(&s->minor, &s->context, s->credential, &s->said,
	                                  GSS_C_NO_CHANNEL_BINDINGS, &s->client, NULL, &s->reply,
	                                  NULL, NULL, NULL);
}

/* RFC 4752 section 3.2: which layers (none but none), and how much of them at once (nothing). */
static enum auth_result offer_layers(struct auth_exchange *e, struct kerberos_state *s,
                                     struct slice *challenge_out)
{
	char layers[LAYER_BYTES] = { NO_LAYER };
	gss_buffer_desc text = { sizeof(layers), layers };
	s->major = gss_wrap(&s->minor, s->context, 0, GSS_C_QOP_DEFAULT, &text, NULL, &s->reply);
	if (GSS_ERROR(s->major))
		return refuse(s);
	take_reply(e, s, challenge_out);
	s->phase = LAYERS_OFFERED;
	return AUTH_CONTINUE;
}

static enum auth_result introduce(struct auth_exchange *e, struct kerberos_state *s,
                                  struct slice said, struct slice *challenge_out)
{
	s->said = (gss_buffer_desc){ said.len, (void *)(uintptr_t)said.data };
	fiber_offload(accept_token, s);
	if (GSS_ERROR(s->major))
		return refuse(s);
	bool silent = s->reply.length == 0;
	take_reply(e, s, challenge_out);
	if (s->major & GSS_S_CONTINUE_NEEDED)
		return AUTH_CONTINUE;
	s->phase = INTRODUCED;
	return silent ? offer_layers(e, s, challenge_out) : AUTH_CONTINUE;
}

static bool read_principal(struct auth_exchange *e, struct kerberos_state *s)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	s->major = gss_display_name(&s->minor, s->client, &text, NULL);
	if (GSS_ERROR(s->major))
		return false;
	e->claim.name = arena_copy(e->arena, slice_of(text.value, text.length));
	gss_release_buffer(&minor, &text);
	return true;
}

/* The layer that the client has chosen, and whom it wants to act as. */
static enum auth_result conclude(struct auth_exchange *e, struct kerberos_state *s,
                                 struct slice said)
{
	gss_buffer_desc wrapped = { said.len, (void *)(uintptr_t)said.data };
	OM_uint32 minor;
	s->major = gss_unwrap(&s->minor, s->context, &wrapped, &s->reply, NULL, NULL);
	if (GSS_ERROR(s->major) || !read_principal(e, s))
		return refuse(s);
	struct slice chosen = arena_copy(e->arena, slice_of(s->reply.value, s->reply.length));
	gss_release_buffer(&minor, &s->reply);
	if (chosen.len < LAYER_BYTES || chosen.data[0] != NO_LAYER)
		return AUTH_REFUSED;
	return find_account(e, auth_kerberos(e->auth), slice_from(chosen, LAYER_BYTES));
}

enum auth_result kerberos_speak(struct auth_exchange *e, struct slice said,
                                struct slice *challenge_out)
{
	struct kerberos_state *s = e->state;
	*challenge_out = SLICE_EMPTY;
	if (!s) {
		s = ARENA_NEW(e->arena, struct kerberos_state);
		s->credential = credential_of(auth_kerberos(e->auth), e->client.service);
		e->state = s;
	}
	switch (s->phase) {
	case INTRODUCING:
		return introduce(e, s, said, challenge_out);
	case INTRODUCED:
		return said.len > 0 ? AUTH_BAD_SYNTAX : offer_layers(e, s, challenge_out);
	case LAYERS_OFFERED:
		break;
	}
	return conclude(e, s, said);
}

void kerberos_end(struct auth_exchange *e)
{
	struct kerberos_state *s = e->state;
	OM_uint32 minor;
	if (!s)
		return;
	gss_release_name(&minor, &s->client);
	gss_release_buffer(&minor, &s->reply);
	gss_delete_sec_context(&minor, &s->context, GSS_C_NO_BUFFER);
}
