/* SCRAM, with GNU SASL's client at the other end; and what strangers are shown. */
#include "auth/auth_testing.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/scram.h"
#include "base/codec.h"

static const char *const accounts[] = { "alice@example.test", "carol@example.test",
	                                "carol@other.test" };

static int add_accounts(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier v[PASSWORD_VERIFIERS];
	int rc = directory_add_domain(db, SLICE("example.test"));
	if (rc == 0)
		rc = directory_add_domain(db, SLICE("other.test"));
	for (size_t i = 0; i < 3 && rc == 0; i++) {
		struct account_new account = { .address = slice_from_str(accounts[i]),
			                       .verifiers = v,
			                       .verifier_count = PASSWORD_VERIFIERS };
		rc = password_make(f->arena, SLICE("pencil"), v);
		if (rc == 0)
			rc = directory_add_account(db, &account, NULL);
	}
	return rc;
}

static int setup(void **state)
{
	*state = fixture_new(add_accounts);
	return 0;
}

struct login {
	const char *mechanism, *name, *password, *authorize_as;
};

/* What the client says to a challenge, all in base64. False once it has no more to say. */
static bool client_says(struct fixture *f, Gsasl_session *session, struct slice challenge,
                        int *rc_out, struct slice *out)
{
	char *text = NULL;
	*rc_out = gsasl_step64(session, arena_str(f->arena, challenge), &text);
	bool says = *rc_out == GSASL_OK || *rc_out == GSASL_NEEDS_MORE;
	*out = arena_copy(f->arena, slice_from_str(says ? text : ""));
	gsasl_free(text);
	return says;
}

/* The whole dialogue. When it succeeds the client has found the server's proof good, too. */
static enum auth_result log_in(struct fixture *f, const struct login *l, const char **address_out)
{
	Gsasl_session *session;
	struct auth_exchange *e = NULL;
	struct slice challenge = SLICE_EMPTY, answer;
	int rc;
	CHECK(gsasl_client_start(f->client, l->mechanism, &session) == GSASL_OK);
	gsasl_property_set(session, GSASL_AUTHID, l->name);
	gsasl_property_set(session, GSASL_PASSWORD, l->password);
	gsasl_property_set(session, GSASL_AUTHZID, l->authorize_as);
	CHECK(client_says(f, session, challenge, &rc, &answer));
	enum auth_result result = auth_begin(f->auth, f->arena, client_of(f, false),
	                                     slice_from_str(l->mechanism), &answer, &e, &challenge);
	while (result == AUTH_CONTINUE && client_says(f, session, challenge, &rc, &answer))
		result = auth_step(e, answer, &challenge);
	if (result == AUTH_OK) {
		CHECK(client_says(f, session, challenge, &rc, &answer) && rc == GSASL_OK);
		*address_out = arena_str(f->arena, slice_from_str(auth_identity(e)->address));
	}
	auth_end(e);
	gsasl_finish(session);
	return result;
}

static const struct {
	struct login login;
	enum auth_result result;
} logins[] = {
	{ { "SCRAM-SHA-256", "alice@example.test", "pencil", NULL }, AUTH_OK },
	{ { "SCRAM-SHA-1", "alice@example.test", "pencil", NULL }, AUTH_OK },
	{ { "SCRAM-SHA-256", "ALICE", "pencil", NULL }, AUTH_OK },
	{ { "SCRAM-SHA-256", "alice", "pencil", "Alice@EXAMPLE.test" }, AUTH_OK },
	{ { "SCRAM-SHA-256", "alice", "pencil", "carol@other.test" }, AUTH_FORBIDDEN },
	{ { "SCRAM-SHA-256", "alice@example.test", "pen", NULL }, AUTH_REFUSED },
	{ { "SCRAM-SHA-1", "alice@example.test", "pen", NULL }, AUTH_REFUSED },
	{ { "SCRAM-SHA-256", "nobody@example.test", "pencil", NULL }, AUTH_REFUSED },
	/* Two have the name. */
	{ { "SCRAM-SHA-256", "carol", "pencil", NULL }, AUTH_REFUSED },
	{ { "SCRAM-SHA-256", "carol@other.test", "pencil", NULL }, AUTH_OK },
};

static void check_logins(void *arg)
{
	struct fixture *f = arg;
	connect_pair(f);
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		const char *address = NULL;
		CHECK(log_in(f, &logins[i].login, &address) == logins[i].result);
		CHECK(logins[i].result != AUTH_OK || strcmp(address, accounts[0]) == 0 ||
		      strcmp(address, accounts[2]) == 0);
	}
	CHECK(store_commit(f->store, NULL, 0, disable_alice, NULL) == 0);
	CHECK(log_in(f, &logins[0].login, NULL) == AUTH_REFUSED);
	disconnect(f);
}

static void logins_by_proof(void **state) { run_on_fiber(1, check_logins, *state); }

/* Over a plain connection nothing can be bound; and a client that says nothing is not asked for
 * ever. */
static void check_odd_clients(void *arg)
{
	struct fixture *f = arg;
	struct auth_exchange *e;
	struct slice challenge, nothing = SLICE_EMPTY;
	int steps = 0;
	connect_pair(f);
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("SCRAM-SHA-256-PLUS"), NULL,
	                 &e, &challenge) == AUTH_NOT_OFFERED);
	enum auth_result result = auth_begin(f->auth, f->arena, client_of(f, false),
	                                     SLICE("scram-sha-1"), &nothing, &e, &challenge);
	while (result == AUTH_CONTINUE && steps++ < 100)
		result = auth_step(e, SLICE_EMPTY, &challenge);
	CHECK(result == AUTH_BAD_SYNTAX && steps < 100);
	auth_end(e);
	struct slice text = base64_encode_arena(f->arena, SLICE("n,,n=alice"));
	CHECK(auth_begin(f->auth, f->arena, client_of(f, false), SLICE("SCRAM-SHA-1"), &text, &e,
	                 &challenge) == AUTH_BAD_SYNTAX);
	auth_end(e);
	disconnect(f);
}

static void odd_clients(void **state) { run_on_fiber(1, check_odd_clients, *state); }

/* --- what strangers are shown ------------------------------------------------------------ */

static const uint8_t key[AUTH_KEY_BYTES] = "0123456789abcdef0123456789abcde";

static struct scram_finding find_by(struct fixture *f, const uint8_t *k, const char *kind,
                                    const char *name)
{
	struct scram_finding found;
	assert_int_equal(scram_find(f->store, f->arena, k, kind, slice_from_str(name), &found), 0);
	return found;
}

static const char *salt(struct fixture *f, const char *name)
{
	return find_by(f, key, PASSWORD_KIND_SCRAM, name).secret.salt;
}

/* Of a name alone and with either domain: exactly one of the two is the same. */
static void assert_one_domain(struct fixture *f, const char *name)
{
	const char *alone = salt(f, name);
	bool first = strcmp(alone, salt(f, arena_printf(f->arena, "%s@example.test", name))) == 0;
	bool second = strcmp(alone, salt(f, arena_printf(f->arena, "%s@OTHER.test", name))) == 0;
	assert_true(first != second);
}

static void strangers_look_like_accounts(void **state)
{
	struct fixture *f = *state;
	struct scram_finding real = find_by(f, key, PASSWORD_KIND_SCRAM, "alice");
	struct scram_finding decoy = find_by(f, key, PASSWORD_KIND_SCRAM, "nobody@example.test");
	struct scram_finding sha1 = find_by(f, key, PASSWORD_KIND_SCRAM_SHA1,
	                                    "nobody@example.test");
	assert_true(real.may_login);
	assert_false(decoy.may_login);
	assert_string_equal(decoy.secret.iterations, real.secret.iterations);
	assert_int_equal(strlen(decoy.secret.salt), strlen(real.secret.salt));
	assert_int_equal(strlen(decoy.secret.stored_key), strlen(real.secret.stored_key));
	assert_int_equal(strlen(sha1.secret.stored_key), 28);
	assert_string_not_equal(sha1.secret.salt, decoy.secret.salt);
	assert_string_not_equal(salt(f, "somebody@example.test"), decoy.secret.salt);
	/* Stable, however the name is written, and only as long as the key is. */
	assert_string_equal(salt(f, "NoBody@EXAMPLE.test"), decoy.secret.salt);
	assert_string_not_equal(find_by(f, (const uint8_t *)"another key of this installation",
	                                PASSWORD_KIND_SCRAM, "nobody@example.test")
	                                .secret.salt,
	                        decoy.secret.salt);
	assert_one_domain(f, "alice");
	assert_one_domain(f, "nobody");
	assert_one_domain(f, "somebody");
	assert_one_domain(f, "carol");
}

static void disabled_looks_like_enabled(void **state)
{
	struct fixture *f = *state;
	struct scram_finding before = find_by(f, key, PASSWORD_KIND_SCRAM, "alice");
	assert_int_equal(store_commit(f->store, NULL, 0, disable_alice, NULL), 0);
	struct scram_finding after = find_by(f, key, PASSWORD_KIND_SCRAM, "alice");
	assert_false(after.may_login);
	assert_string_equal(after.secret.salt, before.secret.salt);
}

/* --- the key ----------------------------------------------------------------------------- */

static void key_stays(void **state)
{
	uint8_t first[AUTH_KEY_BYTES], again[AUTH_KEY_BYTES];
	char dir[] = "/tmp/veredus-key-XXXXXX", path[64];
	struct stat st;
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/auth.key", dir);
	assert_int_equal(auth_key_load(path, first), 0);
	assert_int_equal(auth_key_load(path, again), 0);
	assert_memory_equal(first, again, AUTH_KEY_BYTES);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(truncate(path, 60), 0);
	assert_int_equal(auth_key_load(path, again), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(auth_key_load(path, again), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(logins_by_proof, setup, fixture_free),
		cmocka_unit_test_setup_teardown(odd_clients, setup, fixture_free),
		cmocka_unit_test_setup_teardown(strangers_look_like_accounts, setup, fixture_free),
		cmocka_unit_test_setup_teardown(disabled_looks_like_enabled, setup, fixture_free),
		cmocka_unit_test(key_stays),
	};
	return cmocka_run_group_tests_name("scram", tests, NULL, NULL);
}
