/* CRAM-MD5 and DIGEST-MD5, with GNU SASL's client at the other end. */
#include "auth/auth_testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "auth/legacy.h"
#include "auth/sasl.h"
#include "base/codec.h"

static const uint8_t key[AUTH_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const uint8_t other_key[AUTH_KEY_BYTES] = "0123456789abcdef0123456789abcdX";

static int add_accounts(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier v[PASSWORD_VERIFIERS];
	struct account_new bob = { .address = SLICE("bob@example.test"),
		                   .verifiers = v,
		                   .verifier_count = PASSWORD_VERIFIERS };
	struct account_new alice = { .address = SLICE("alice@example.test") };
	int rc = password_make(f->arena, SLICE("secret"), v);
	if (rc == 0)
		rc = directory_add_domain(db, SLICE("example.test"));
	if (rc == 0)
		rc = directory_add_account(db, &alice, NULL);
	return rc == 0 ? directory_add_account(db, &bob, NULL) : rc;
}

static int opt_in(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct slice alice = SLICE("alice@example.test");
	struct directory_verifier v = { .kind = LEGACY_KIND };
	int rc = legacy_seal(f->arena, key, alice, SLICE("secret"), &v.value);
	return rc < 0 ? rc : directory_set_verifiers(db, alice, &v, 1);
}

static int opt_out(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_verifiers(db, SLICE("alice@example.test"), NULL, 0);
}

static void write_key(struct fixture *f)
{
	struct slice text = hex_encode(f->arena, slice_of((const char *)key, sizeof(key)));
	snprintf(f->key_path, sizeof(f->key_path), "/tmp/veredus-key-XXXXXX");
	int fd = mkstemp(f->key_path);
	assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = fixture_new(add_accounts);
	write_key(f);
	assert_int_equal(auth_use_key_file(f->auth, f->key_path), 0);
	*state = f;
	return 0;
}

static bool client_says(struct fixture *f, Gsasl_session *session, struct slice challenge,
                        struct slice *out)
{
	char *text = NULL;
	int rc = gsasl_step64(session, arena_str(f->arena, challenge), &text);
	bool says = rc == GSASL_OK || rc == GSASL_NEEDS_MORE;
	*out = arena_copy(f->arena, slice_from_str(says ? text : ""));
	gsasl_free(text);
	return says;
}

static enum auth_result log_in(struct fixture *f, const char *mechanism, const char *name,
                               const char *password)
{
	Gsasl_session *session;
	struct auth_exchange *e;
	struct slice challenge, answer;
	CHECK(gsasl_client_start(f->client, mechanism, &session) == GSASL_OK);
	gsasl_property_set(session, GSASL_AUTHID, name);
	gsasl_property_set(session, GSASL_PASSWORD, password);
	gsasl_property_set(session, GSASL_SERVICE, "smtp");
	gsasl_property_set(session, GSASL_HOSTNAME, "mx.example.test");
	gsasl_property_set(session, GSASL_QOP, "qop-auth");
	enum auth_result result = auth_begin(f->auth, f->arena, client_of(f, false),
	                                     slice_from_str(mechanism), NULL, &e, &challenge);
	while (result == AUTH_CONTINUE && client_says(f, session, challenge, &answer))
		result = auth_step(e, answer, &challenge);
	if (result == AUTH_OK) {
		CHECK(strcmp(auth_identity(e)->address, "alice@example.test") == 0);
		CHECK(challenge.len == 0 || client_says(f, session, challenge, &answer));
	}
	auth_end(e);
	gsasl_finish(session);
	return result;
}

static const char *const mechanisms[] = { "CRAM-MD5", "DIGEST-MD5" };

static void check_mechanism(struct fixture *f, const char *mechanism)
{
	CHECK(log_in(f, mechanism, "alice@example.test", "secret") == AUTH_OK);
	CHECK(log_in(f, mechanism, "ALICE", "secret") == AUTH_OK);
	CHECK(log_in(f, mechanism, "alice@example.test", "Secret") == AUTH_REFUSED);
	/* Has not opted in; is nobody. */
	CHECK(log_in(f, mechanism, "bob@example.test", "secret") == AUTH_REFUSED);
	CHECK(log_in(f, mechanism, "nobody@example.test", "secret") == AUTH_REFUSED);
}

static bool is_offered(struct fixture *f)
{
	return strstr(auth_mechanisms(f->auth, client_of(f, false)), " DIGEST-MD5 CRAM-MD5") !=
	       NULL;
}

static void check_logins(void *arg)
{
	struct fixture *f = arg;
	connect_pair(f);
	CHECK(!is_offered(f));
	CHECK(log_in(f, "CRAM-MD5", "alice", "secret") == AUTH_NOT_OFFERED);
	CHECK(store_commit(f->store, NULL, 0, opt_in, f) == 0);
	auth_accounts_changed(f->auth);
	CHECK(is_offered(f));
	for (size_t i = 0; i < 2; i++)
		check_mechanism(f, mechanisms[i]);
	CHECK(store_commit(f->store, NULL, 0, disable_alice, NULL) == 0);
	for (size_t i = 0; i < 2; i++)
		CHECK(log_in(f, mechanisms[i], "alice@example.test", "secret") == AUTH_REFUSED);
	CHECK(store_commit(f->store, NULL, 0, opt_out, NULL) == 0);
	auth_accounts_changed(f->auth);
	CHECK(!is_offered(f));
	disconnect(f);
}

static void only_who_opted_in(void **state) { run_on_fiber(1, check_logins, *state); }

#define REST                                                                                       \
	",nonce=\"%s\",cnonce=\"x\",nc=00000001,qop=auth,digest-uri=\"smtp/x\","                   \
	"response=00000000000000000000000000000000"

static const struct {
	const char *answer;
	enum auth_result result;
} odd_answers[] = {
	{ "", AUTH_BAD_SYNTAX },
	{ "nonsense", AUTH_BAD_SYNTAX },
	{ "username=\"alice\"", AUTH_BAD_SYNTAX },
	{ "username=\"alice\",realm=\"\",nonce=\"x\"", AUTH_BAD_SYNTAX },
	/* Without a realm and without UTF-8, more or less hidden. */
	{ "username=\"alice\"" REST, AUTH_BAD_SYNTAX },
	{ "username=\"a,charset=utf-8\"" REST, AUTH_BAD_SYNTAX },
	{ "username=\"a\\\",charset=utf-8,x=\\\"\"" REST, AUTH_BAD_SYNTAX },
	{ "username=\"alice\",charset=\"UTF-8\"" REST, AUTH_BAD_SYNTAX },
	{ "username=\"alice\",charset=utf-8x" REST, AUTH_BAD_SYNTAX },
	/* What GNU SASL must stand. */
	{ "username=\"alice\",realm=\"\"" REST, AUTH_REFUSED },
	{ "username=\"alice\",realm=\"x\"" REST, AUTH_REFUSED },
	{ "username=\"alice\",realm=\"\",charset=utf-8" REST, AUTH_REFUSED },
	{ "username=\"alice\", charset=utf-8" REST, AUTH_REFUSED },
	{ "charset=\"utf-8\",  username=\"alice\"" REST, AUTH_REFUSED },
	{ "username=\"alice\",realm=\"\xe9\"" REST, AUTH_REFUSED },
};

/* The answer with the nonce of the challenge in it. */
static struct slice fill_in(struct fixture *f, const char *answer, struct slice challenge)
{
	struct slice text;
	CHECK(base64_decode(f->arena, challenge, &text));
	const char *nonce = strstr(arena_str(f->arena, text), "nonce=\"");
	CHECK(nonce);
	struct slice rest = slice_from_str(nonce + strlen("nonce=\"")), before;
	struct slice value = slice_split(&rest, '"'), after = slice_from_str(answer);
	const char *mark = strstr(answer, "%s");
	if (!mark)
		return base64_encode_arena(f->arena, after);
	before = slice_sub(after, 0, (size_t)(mark - answer));
	after = slice_from_str(mark + 2);
	return base64_encode_arena(
		f->arena, slice_from_str(arena_printf(f->arena, "%.*s%.*s%.*s", SLICE_ARG(before),
	                                              SLICE_ARG(value), SLICE_ARG(after))));
}

static void check_odd_answers(void *arg)
{
	struct fixture *f = arg;
	struct auth_exchange *e;
	struct slice challenge, digest = SLICE("DIGEST-MD5");
	connect_pair(f);
	CHECK(store_commit(f->store, NULL, 0, opt_in, f) == 0);
	for (size_t i = 0; i < sizeof(odd_answers) / sizeof(odd_answers[0]); i++) {
		CHECK(auth_begin(f->auth, f->arena, client_of(f, false), digest, NULL, &e,
		                 &challenge) == AUTH_CONTINUE);
		struct slice answer = fill_in(f, odd_answers[i].answer, challenge);
		CHECK(auth_step(e, answer, &challenge) == odd_answers[i].result);
		auth_end(e);
	}
	disconnect(f);
}

static void odd_digest_answers(void **state) { run_on_fiber(1, check_odd_answers, *state); }

static void plain_answers(void **state)
{
	(void)state;
	assert_true(legacy_digest_is_plain(SLICE("username=\"x\",realm=\"\"")));
	assert_true(legacy_digest_is_plain(SLICE("charset=utf-8,username=\"a, b\"")));
	assert_true(legacy_digest_is_plain(SLICE("username=\"x\", realm=\"y\"")));
	assert_false(legacy_digest_is_plain(SLICE("charset=iso-8859-1,username=\"x\"")));
	assert_false(legacy_digest_is_plain(SLICE("username=\"realm=x\"")));
	assert_false(legacy_digest_is_plain(SLICE("username=\"x\",realm=\"x")));
	assert_false(legacy_digest_is_plain(SLICE("realm=\"x\",")));
	assert_false(legacy_digest_is_plain(SLICE("Realm=\"x\"")));
	assert_false(legacy_digest_is_plain(slice_of("realm=\"x\0\"", 10)));
}

/* A row of bob's in alice's place. */
static int swap_rows(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier v = { .kind = LEGACY_KIND };
	int rc = legacy_seal(f->arena, key, SLICE("bob@example.test"), SLICE("bob's"), &v.value);
	return rc < 0 ? rc : directory_set_verifiers(db, SLICE("alice@example.test"), &v, 1);
}

/* Not under another key, not in another's row. */
static void seals_hold(void **state)
{
	struct fixture *f = *state;
	struct legacy_finding found;
	const char *value;
	assert_int_equal(store_commit(f->store, NULL, 0, opt_in, f), 0);
	assert_int_equal(legacy_find(f->store, f->arena, key, SLICE("alice"), &found), 0);
	assert_true(found.may_login);
	assert_string_equal(found.password, "secret");
	assert_int_equal(legacy_find(f->store, f->arena, other_key, SLICE("alice"), &found), 0);
	assert_false(found.may_login);
	assert_string_not_equal(found.password, "secret");
	assert_int_equal(store_commit(f->store, NULL, 0, swap_rows, f), 0);
	assert_int_equal(legacy_find(f->store, f->arena, key, SLICE("alice"), &found), 0);
	assert_false(found.may_login);
	assert_int_equal(legacy_seal(f->arena, key, SLICE("a@b"), SLICE(""), &value), -EINVAL);
	assert_int_equal(legacy_seal(f->arena, key, SLICE("a@b"), SLICE("secret"), &value), 0);
	assert_null(strstr(value, "secret"));
}

enum { LOOKERS = 2, LOOKS = 1000 };

struct look {
	struct auth *auth;
	pthread_barrier_t begin;
	atomic_int seen;
};

static void *look(void *arg)
{
	struct look *l = arg;
	pthread_barrier_wait(&l->begin);
	l->seen += auth_has_legacy(l->auth);
	return NULL;
}

/* Whoever comes while another looks at the accounts does not go by what has not been seen. */
static void the_first_look_is_everybodys(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_commit(f->store, NULL, 0, opt_in, f), 0);
	for (size_t i = 0; i < LOOKS; i++) {
		pthread_t threads[LOOKERS];
		struct look l = { .auth = NULL };
		assert_int_equal(auth_open(f->store, &l.auth), 0);
		assert_int_equal(auth_use_key_file(l.auth, f->key_path), 0);
		pthread_barrier_init(&l.begin, NULL, LOOKERS);
		for (size_t k = 0; k < LOOKERS; k++)
			assert_int_equal(pthread_create(&threads[k], NULL, look, &l), 0);
		for (size_t k = 0; k < LOOKERS; k++)
			pthread_join(threads[k], NULL);
		pthread_barrier_destroy(&l.begin);
		auth_close(l.auth);
		assert_int_equal(l.seen, LOOKERS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_who_opted_in, setup, fixture_free),
		cmocka_unit_test_setup_teardown(odd_digest_answers, setup, fixture_free),
		cmocka_unit_test(plain_answers),
		cmocka_unit_test_setup_teardown(seals_hold, setup, fixture_free),
		cmocka_unit_test_setup_teardown(the_first_look_is_everybodys, setup, fixture_free),
	};
	return cmocka_run_group_tests_name("legacy", tests, NULL, NULL);
}
