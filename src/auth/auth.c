/* Names, passwords, and how many may be looked at at a time. */
#include "auth/auth.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "auth/app_secret.h"
#include "auth/app_uses.h"
#include "auth/auth_cache.h"
#include "auth/auth_key.h"
#include "auth/auth_line.h"
#include "auth/auth_toll.h"
#include "auth/back_ends.h"
#include "auth/kerberos.h"
#include "auth/oauth.h"
#include "auth/password.h"
#include "auth/sasl.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "store/store.h"

enum {
	HASHERS_MAX = 4, /* at a time, of half the processors: others have work too */
	WAIT_MS = 20000, /* for a place among them */
	REFUSAL_PAUSE_MS = 1500,
	REMEMBER_MS = 600000,
	NAME_MAX_BYTES = 320,
	LOOK_AGAIN_MS = 60000,
};

struct auth {
	struct store *store;
	struct sasl sasl;
	uint8_t key[AUTH_KEY_BYTES];
	struct auth_line *hashers;
	struct auth_cache *cache;
	struct app_uses *uses;
	struct kerberos *kerberos; /* NULL: not configured */
	struct auth_toll *toll;
	struct oauth *oauth; /* likewise */
	struct back_ends *back_ends;
	_Atomic int64_t pause_ms, remember_ms;
	atomic_bool binding, legacy, scram;
	_Atomic int64_t look_again_ms; /* at what the accounts have */
	_Atomic uint64_t accepted, refused, unavailable, throttled;
};

const struct sasl *auth_sasl(const struct auth *a) { return &a->sasl; }

struct store *auth_store(const struct auth *a) { return a->store; }

int auth_open(struct store *store, struct auth **out)
{
	struct auth *a = mem_zero(1, sizeof(*a));
	long processors = sysconf(_SC_NPROCESSORS_ONLN), hashers = (processors + 1) / 2;
	a->store = store;
	random_bytes(a->key, sizeof(a->key));
	a->cache = auth_cache_new();
	a->uses = app_uses_new();
	a->toll = auth_toll_new();
	a->hashers = auth_line_new(hashers < 1 ? 1 : hashers > HASHERS_MAX ? HASHERS_MAX : hashers);
	a->pause_ms = REFUSAL_PAUSE_MS;
	a->remember_ms = REMEMBER_MS;
	a->binding = true;
	int rc = sasl_open(&a->sasl);
	if (rc == 0)
		rc = back_ends_open(NULL, &a->back_ends);
	if (rc < 0) {
		auth_close(a);
		return rc;
	}
	*out = a;
	return 0;
}

void auth_close(struct auth *a)
{
	if (!a)
		return;
	app_uses_flush(a->uses, a->store);
	app_uses_free(a->uses);
	auth_toll_free(a->toll);
	back_ends_close(a->back_ends);
	sasl_close(&a->sasl);
	kerberos_close(a->kerberos);
	oauth_free(a->oauth);
	auth_line_free(a->hashers);
	auth_cache_free(a->cache);
	explicit_bzero(a->key, sizeof(a->key));
	free(a);
}

int auth_use_key_file(struct auth *a, const char *path) { return auth_key_load(path, a->key); }

struct auth_counts auth_counts(const struct auth *a)
{
	return (struct auth_counts){ .accepted = a->accepted,
		                     .refused = a->refused,
		                     .unavailable = a->unavailable,
		                     .throttled = a->throttled,
		                     .waiting = auth_toll_waiting(a->toll) };
}

bool auth_mechanism_counts(const struct auth *a, size_t i, struct auth_mechanism_counts *out)
{
	return sasl_counts(&a->sasl, i, out);
}

void auth_set_kerberos(struct auth *a, struct kerberos *k) { a->kerberos = k; }

const struct kerberos *auth_kerberos(const struct auth *a) { return a->kerberos; }

void auth_set_oauth(struct auth *a, struct oauth *o) { a->oauth = o; }

struct oauth *auth_oauth(const struct auth *a) { return a->oauth; }

int auth_set_back_ends(struct auth *a, const struct config *config, directory_account_hook made)
{
	struct back_ends *b;
	int rc = back_ends_open(config, &b);
	if (rc < 0)
		return rc;
	back_ends_set_accounts(b, made);
	back_ends_close(a->back_ends);
	a->back_ends = b;
	return 0;
}

void auth_set_refusal_pause(struct auth *a, int64_t ms) { a->pause_ms = ms; }

void auth_set_toll(struct auth *a, int64_t max_ms, int64_t half_ms)
{
	auth_toll_set(a->toll, max_ms, half_ms);
}

void auth_set_remember(struct auth *a, int64_t ms) { a->remember_ms = ms; }

void auth_set_binding(struct auth *a, bool offered) { a->binding = offered; }

bool auth_may_bind(const struct auth *a, const struct conn *c)
{
	uint8_t bytes[CONN_BINDING_MAX_BYTES];
	size_t len;
	return a->binding && (conn_tls_binding(c, CONN_BINDING_EXPORTER, bytes, &len) == 0 ||
	                      conn_tls_binding(c, CONN_BINDING_END_POINT, bytes, &len) == 0);
}

void auth_write_uses(struct auth *a) { app_uses_flush(a->uses, a->store); }

/* Another value each time: who is looking just now sees that it was too early. */
void auth_accounts_changed(struct auth *a)
{
	int64_t due = atomic_load(&a->look_again_ms);
	while (!atomic_compare_exchange_weak(&a->look_again_ms, &due, due > 0 ? 0 : due - 1))
		;
}

struct kinds {
	bool scram, legacy;
};

static int look_at_kinds(struct db *db, void *arg)
{
	struct kinds *k = arg;
	int rc = directory_has_kind(db, PASSWORD_KIND_SCRAM, &k->scram);
	return rc < 0 ? rc : directory_has_kind(db, LEGACY_KIND, &k->legacy);
}

/* What is offered follows from what is stored. */
static void look_at_accounts(struct auth *a)
{
	struct kinds kinds = { 0 };
	int64_t now = clock_monotonic_ms();
	int64_t due = atomic_load(&a->look_again_ms);
	if (now < due)
		return;
	if (back_ends_have_internal(a->back_ends) &&
	    store_read(a->store, look_at_kinds, &kinds) < 0)
		return; /* what was seen is believed */
	a->legacy = kinds.legacy;
	/* Who is known to another back end alone can't use it, and clients that have the choice
	 * take it: they would be refused for ever. */
	a->scram = kinds.scram && !back_ends_have_others(a->back_ends);
	/* Last, so that nobody goes by what has not been seen; and not if the accounts have changed
	 * since it was read. */
	atomic_compare_exchange_strong(&a->look_again_ms, &due, now + LOOK_AGAIN_MS);
}

bool auth_has_legacy(struct auth *a)
{
	look_at_accounts(a);
	return a->legacy;
}

bool auth_has_scram(struct auth *a)
{
	look_at_accounts(a);
	return a->scram;
}

/* --- one password ----------------------------------------------------------------------- */

struct lookup {
	struct arena *arena;
	struct slice name;
	struct account account;
	const char *verifier; /* NULL: nobody can log in by that name */
	const char *digest;   /* of what may be an application password, or NULL */
	struct app_password app;
	bool has_app;
};

static int look_up_app(struct db *db, struct lookup *l)
{
	int rc = 0;
	if (l->digest) { /* account 0 is none: it takes as long */
		rc = directory_find_app_password(db, l->arena, l->account.id, l->digest, &l->app);
		l->has_app = rc == 0 && l->account.enabled;
	}
	return rc == -ENOENT ? 0 : rc;
}

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	const char *verifier;
	int rc = directory_find_login(db, l->arena, l->name, &l->account);
	if (rc == 0)
		rc = directory_get_verifier(db, l->arena, l->account.id, PASSWORD_KIND_ARGON2,
		                            &verifier);
	if (rc == 0 && l->account.enabled)
		l->verifier = verifier;
	if (rc == 0 || rc == -ENOENT)
		rc = look_up_app(db, l);
	return rc;
}

struct comparison {
	const char *verifier;
	struct slice password;
	bool right;
};

static const struct net_address *auth_client_address(const struct auth_client *client)
{
	return client->conn ? conn_peer(client->conn) : NULL;
}

static void compare(void *arg)
{
	struct comparison *c = arg;
	c->right = password_is_right(c->verifier, c->password);
}

static enum auth_result hash_password(struct auth *a, const struct auth_client *client,
                                      const char *verifier, struct slice password)
{
	struct comparison c = { .verifier = verifier, .password = password };
	struct auth_line_client *place;
	if (auth_line_enter(a->hashers, auth_client_address(client), deadline_in(WAIT_MS), &place) <
	    0)
		return AUTH_UNAVAILABLE;
	fiber_offload(compare, &c);
	auth_line_leave(a->hashers, place);
	if (!c.right)
		return AUTH_REFUSED;
	int64_t remember_ms = a->remember_ms;
	if (remember_ms > 0)
		auth_cache_add(a->cache, verifier, password, deadline_in(remember_ms));
	return AUTH_OK;
}

/* Otherwise it is a wrong password like any other. */
static bool may_use_app(const struct lookup *l, const struct auth_client *client)
{
	const char *why = NULL;
	if (!(l->app.scopes & client->service))
		why = "scope";
	else if (l->app.expires_ms > 0 && l->app.expires_ms <= clock_wall_ms())
		why = "expired";
	if (why)
		log_info("auth.application_refused", kv_str("account", l->account.address),
		         kv_str("application", l->app.name), kv_str("why", why));
	return !why;
}

static void write_uses(void *arg) { auth_write_uses(arg); }

static void note_app_use(struct auth *a, const struct lookup *l, const struct auth_client *client)
{
	log_info("auth.application", kv_str("account", l->account.address),
	         kv_str("application", l->app.name));
	if (app_uses_note(a->uses, l->app.id, auth_client_address(client)))
		fiber_start(-1, "auth.uses", write_uses, a);
}

static const char *service_name(enum auth_service service)
{
	switch (service) {
	case AUTH_SMTP:
		return "smtp";
	case AUTH_IMAP:
		return "imap";
	case AUTH_POP3:
		return "pop3";
	}
	return "";
}

/* The password against the account's own verifier. */
static enum auth_result check_internal(struct auth *a, const struct lookup *l,
                                       const struct auth_client *client, struct slice password)
{
	if (l->verifier && auth_cache_has(a->cache, l->verifier, password, clock_monotonic_ms()))
		return AUTH_OK;
	return hash_password(a, client, l->verifier, password);
}

/* What the next back end says weighs more than what others said before. */
static bool weighs_more(enum auth_result next, enum auth_result before)
{
	return before == AUTH_REFUSED || (before == AUTH_UNAVAILABLE && next == AUTH_EXPIRED);
}

static enum auth_result check_back_ends(struct auth *a, struct lookup *l,
                                        const struct auth_client *client, struct slice password)
{
	const struct back_end_login login = { .store = a->store,
		                              .cache = a->cache,
		                              .arena = l->arena,
		                              .client = client,
		                              .name = l->name,
		                              .password = password,
		                              .service = service_name(client->service) };
	enum auth_result result = AUTH_REFUSED;
	struct account found = l->account;
	for (size_t i = 0; i < back_ends_count(a->back_ends); i++) {
		bool internal = back_ends_is_internal(a->back_ends, i);
		enum auth_result next = internal ? check_internal(a, l, client, password)
		                                 : back_ends_check(a->back_ends, i, &login, &found);
		if (next == AUTH_OK && !internal)
			l->account = found;
		if (next == AUTH_OK)
			return AUTH_OK;
		if (weighs_more(next, result))
			result = next;
	}
	return result;
}

enum auth_result auth_check(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice name, struct slice password,
                            struct auth_identity *identity_out)
{
	struct lookup l = { .arena = arena, .name = slice_sub(name, 0, NAME_MAX_BYTES) };
	char digest[APP_DIGEST_TEXT];
	if (app_secret_digest(password, digest))
		l.digest = digest;
	if (store_read(a->store, look_up, &l) < 0)
		return AUTH_UNAVAILABLE;
	if (l.has_app && may_use_app(&l, client)) {
		note_app_use(a, &l, client);
	} else {
		enum auth_result result = check_back_ends(a, &l, client, password);
		if (result != AUTH_OK)
			return result;
		if (l.account.app_only)
			return AUTH_TOO_WEAK;
	}
	*identity_out = (struct auth_identity){ l.account.id, l.account.address };
	return AUTH_OK;
}

static int find_account(struct db *db, void *arg)
{
	struct lookup *l = arg;
	int rc = directory_find_login(db, l->arena, l->name, &l->account);
	return rc == 0 && !l->account.enabled ? -ENOENT : rc;
}

int auth_find_account(struct auth *a, struct arena *arena, struct slice name,
                      struct auth_identity *identity_out)
{
	struct lookup l = { .arena = arena, .name = slice_sub(name, 0, NAME_MAX_BYTES) };
	int rc = store_read(a->store, find_account, &l);
	if (rc == 0)
		*identity_out = (struct auth_identity){ l.account.id, l.account.address };
	return rc;
}

int auth_find_scram(struct auth *a, struct arena *arena, const char *kind, struct slice name,
                    struct scram_finding *out)
{
	return scram_find(a->store, arena, a->key, kind, slice_sub(name, 0, NAME_MAX_BYTES), out);
}

int auth_find_legacy(struct auth *a, struct arena *arena, struct slice name,
                     struct legacy_finding *out)
{
	return legacy_find(a->store, arena, a->key, slice_sub(name, 0, NAME_MAX_BYTES), out);
}

/* Lets an answer wait, from when the client tried: what looking it up has taken does not show.
 * False: there is no place to wait in. */
static bool wait_for_answer(struct auth *a, const struct auth_client *client, int64_t ms)
{
	const struct net_address *from = auth_client_address(client);
	if (ms <= 0)
		return true;
	if (!auth_toll_enter(a->toll, from))
		return false;
	fiber_sleep(client->tried_ms + ms);
	auth_toll_leave(a->toll, from);
	return true;
}

static int64_t refusal_pause(const struct auth *a)
{
	int64_t pause = a->pause_ms;
	return pause > 0 ? pause + (int64_t)random_below((uint64_t)pause) : 0;
}

static enum auth_result conclude_failure(struct auth *a, const struct auth_client *client,
                                         struct slice name, enum auth_result result)
{
	const struct net_address *from = auth_client_address(client);
	int64_t now_ms = clock_monotonic_ms();
	int64_t toll_ms = auth_toll_of(a->toll, from, name, now_ms);
	/* At once: those that try at the same time are to feel it. */
	auth_toll_fail(a->toll, from, name, client->guess, now_ms);
	a->refused++;
	if (wait_for_answer(a, client, toll_ms + refusal_pause(a)))
		return result;
	a->throttled++;
	return AUTH_UNAVAILABLE;
}

static enum auth_result conclude_success(struct auth *a, const struct auth_client *client,
                                         struct slice name)
{
	const struct net_address *from = auth_client_address(client);
	int64_t now_ms = clock_monotonic_ms();
	if (!wait_for_answer(a, client, auth_toll_of(a->toll, from, name, now_ms))) {
		a->throttled++;
		return AUTH_UNAVAILABLE;
	}
	auth_toll_forgive(a->toll, from, name, clock_monotonic_ms());
	a->accepted++;
	return AUTH_OK;
}

enum auth_result auth_conclude(struct auth *a, const struct auth_client *client,
                               const char *mechanism, struct slice name, enum auth_result result)
{
	char ip[NET_ADDRESS_TEXT_MAX] = "";
	const char *service = service_name(client->service);
	if (client->conn)
		net_address_ip(conn_peer(client->conn), ip);
	struct slice shown = slice_sub(name, 0, NAME_MAX_BYTES);
	if (result == AUTH_OK) {
		result = conclude_success(a, client, name);
		if (result != AUTH_OK)
			return result;
		sasl_count(&a->sasl, mechanism, true);
		log_info("auth.accepted", kv_slice("name", shown), kv_str("client", ip),
		         kv_str("service", service), kv_str("mechanism", mechanism));
	} else if (result == AUTH_REFUSED || result == AUTH_FORBIDDEN || result == AUTH_TOO_WEAK ||
	           result == AUTH_EXPIRED) {
		log_warn("auth.refused", kv_slice("name", shown), kv_str("client", ip),
		         kv_str("service", service), kv_str("mechanism", mechanism));
		sasl_count(&a->sasl, mechanism, false);
		result = conclude_failure(a, client, name, result);
	} else if (result == AUTH_UNAVAILABLE) {
		a->unavailable++;
		log_error("auth.unavailable", kv_slice("name", shown), kv_str("client", ip),
		          kv_str("service", service));
	}
	return result;
}

bool auth_may_try(struct auth *a, const struct auth_client *client)
{
	if (auth_toll_has_room(a->toll, auth_client_address(client)))
		return true;
	a->throttled++;
	return false;
}

enum auth_result auth_login(struct auth *a, struct arena *arena, const struct auth_client *client,
                            struct slice name, struct slice password,
                            struct auth_identity *identity_out)
{
	struct auth_client trying = *client;
	trying.tried_ms = clock_monotonic_ms();
	trying.guess = hash_bytes(password);
	if (!auth_may_try(a, client))
		return AUTH_UNAVAILABLE;
	enum auth_result result = auth_check(a, arena, &trying, name, password, identity_out);
	return auth_conclude(a, &trying, "login", name, result);
}
