/* Exchanges on a connected pair of sockets and a store with an account. */
#include "auth/auth_testing.h"

#include <errno.h>

#include "base/codec.h"

static int add_alice(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier v[PASSWORD_VERIFIERS];
	struct account_new account = { .address = SLICE("alice@example.test"),
		                       .verifiers = v,
		                       .verifier_count = PASSWORD_VERIFIERS };
	struct account_new bob = { .address = SLICE("bob@example.test") };
	int rc = password_make(f->arena,
	                       SLICE("se\xc3\xa9"
	                             "cret"),
	                       v);
	if (rc == 0)
		rc = directory_add_domain(db, SLICE("example.test"));
	if (rc == 0)
		rc = directory_add_account(db, &account, NULL);
	return rc == 0 ? directory_add_account(db, &bob, NULL) : rc;
}

static int setup(void **state)
{
	*state = fixture_new(add_alice);
	return 0;
}

static struct slice encode(struct fixture *f, struct slice text)
{
	return base64_encode_arena(f->arena, text);
}

/* A mechanism with an initial response, to its end. */
static enum auth_result one_step(struct fixture *f, const char *mechanism, struct slice text,
                                 const char **address_out)
{
	struct auth_exchange *e;
	struct slice challenge, initial = encode(f, text);
	enum auth_result result = auth_begin(f->auth, f->arena, client_of(f, true),
	                                     slice_from_str(mechanism), &initial, &e, &challenge);
	if (address_out && result == AUTH_OK)
		*address_out = auth_identity(e)->address;
	auth_end(e);
	return result;
}

#define PLAIN(text) slice_of(text, sizeof(text) - 1)

static void check_plain(void *arg)
{
	struct fixture *f = arg;
	const char *address = NULL;
	connect_pair(f);
	CHECK(one_step(f, "PLAIN",
	               PLAIN("\0alice@example.test\0se\xc3\xa9"
	                     "cret"),
	               &address) == AUTH_OK);
	CHECK(slice_equal(slice_from_str(address), SLICE("alice@example.test")));
	CHECK(one_step(f, "plain",
	               PLAIN("\0ALICE\0see\xcc\x81"
	                     "cret"),
	               &address) == AUTH_OK);
	CHECK(one_step(f, "PLAIN",
	               PLAIN("Alice@example.test\0alice@example.test\0se\xc3\xa9"
	                     "cret"),
	               NULL) == AUTH_OK);
	/* Somebody else, a wrong password, nobody, no password at all. */
	CHECK(one_step(f, "PLAIN",
	               PLAIN("bob@example.test\0alice@example.test\0se\xc3\xa9"
	                     "cret"),
	               NULL) == AUTH_FORBIDDEN);
	CHECK(one_step(f, "PLAIN", PLAIN("bob@example.test\0alice@example.test\0wrong"), NULL) ==
	      AUTH_REFUSED);
	CHECK(one_step(f, "PLAIN", PLAIN("\0alice@example.test\0wrong"), NULL) == AUTH_REFUSED);
	CHECK(one_step(f, "PLAIN", PLAIN("\0carol@example.test\0wrong"), NULL) == AUTH_REFUSED);
	CHECK(one_step(f, "PLAIN", PLAIN("\0bob@example.test\0"), NULL) == AUTH_REFUSED);
	CHECK(one_step(f, "PLAIN", PLAIN("\0bob@example.test\0wrong"), NULL) == AUTH_REFUSED);
	/* Not what PLAIN looks like. */
	CHECK(one_step(f, "PLAIN", PLAIN("alice"), NULL) == AUTH_BAD_SYNTAX);
	CHECK(one_step(f, "PLAIN", PLAIN("\0alice"), NULL) == AUTH_BAD_SYNTAX);
	CHECK(one_step(f, "CRAM-MD5", PLAIN("x"), NULL) == AUTH_NOT_OFFERED);
	CHECK(one_step(f, "", PLAIN("x"), NULL) == AUTH_NOT_OFFERED);
	CHECK(store_commit(f->store, NULL, 0, disable_alice, NULL) == 0);
	CHECK(one_step(f, "PLAIN",
	               PLAIN("\0alice@example.test\0se\xc3\xa9"
	                     "cret"),
	               NULL) == AUTH_REFUSED);
	struct auth_counts counts = auth_counts(f->auth);
	CHECK(counts.accepted == 3 && counts.refused == 7 && counts.unavailable == 0);
	disconnect(f);
}

static void plain(void **state) { run_on_fiber(1, check_plain, *state); }

static void check_steps(void *arg)
{
	struct fixture *f = arg;
	struct auth_exchange *e;
	struct slice challenge;
	connect_pair(f);
	/* LOGIN in three steps, as most clients do it. */
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("LOGIN"), NULL, &e,
	                 &challenge) == AUTH_CONTINUE);
	CHECK(slice_equal(challenge, SLICE("VXNlcm5hbWU6")));
	CHECK(auth_step(e, encode(f, SLICE("alice@example.test")), &challenge) == AUTH_CONTINUE);
	CHECK(slice_equal(challenge, SLICE("UGFzc3dvcmQ6")));
	CHECK(auth_step(e,
	                encode(f, SLICE("se\xc3\xa9"
	                                "cret")),
	                &challenge) == AUTH_OK);
	CHECK(slice_equal(slice_from_str(auth_identity(e)->address), SLICE("alice@example.test")));
	auth_end(e);
	/* With the name at once. */
	struct slice name = encode(f, SLICE("alice"));
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("LOGIN"), &name, &e,
	                 &challenge) == AUTH_CONTINUE);
	CHECK(slice_equal(challenge, SLICE("UGFzc3dvcmQ6")));
	CHECK(auth_step(e, encode(f, SLICE("wrong")), &challenge) == AUTH_REFUSED);
	auth_end(e);
	/* PLAIN without an initial response, given up, or not base64. */
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("PLAIN"), NULL, &e,
	                 &challenge) == AUTH_CONTINUE);
	CHECK(challenge.len == 0);
	CHECK(auth_step(e,
	                encode(f, PLAIN("\0alice\0se\xc3\xa9"
	                                "cret")),
	                &challenge) == AUTH_OK);
	auth_end(e);
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("PLAIN"), NULL, &e,
	                 &challenge) == AUTH_CONTINUE);
	CHECK(auth_step(e, SLICE("*"), &challenge) == AUTH_CANCELLED);
	auth_end(e);
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("PLAIN"), NULL, &e,
	                 &challenge) == AUTH_CONTINUE);
	CHECK(auth_step(e, SLICE("!!"), &challenge) == AUTH_BAD_SYNTAX);
	auth_end(e);
	disconnect(f);
}

static void steps(void **state) { run_on_fiber(1, check_steps, *state); }

static void check_clear(void *arg)
{
	struct fixture *f = arg;
	struct auth_exchange *e;
	struct slice challenge;
	connect_pair(f);
	CHECK(strcmp(auth_mechanisms(f->auth, client_of(f, false)), "SCRAM-SHA-256 SCRAM-SHA-1") ==
	      0);
	CHECK(strcmp(auth_mechanisms(f->auth, client_of(f, true)),
	             "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN") == 0);
	CHECK(auth_begin(f->auth, f->arena, client_of(f, false), SLICE("PLAIN"), NULL, &e,
	                 &challenge) == AUTH_NEEDS_TLS);
	CHECK(!e);
	auth_end(e);
	disconnect(f);
}

static void clear_needs_permission(void **state) { run_on_fiber(1, check_clear, *state); }

static int forget_passwords(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_verifiers(db, SLICE("alice@example.test"), NULL, 0);
}

/* What is offered follows from what is stored. */
static void check_stored(void *arg)
{
	struct fixture *f = arg;
	struct auth_exchange *e;
	struct slice challenge;
	connect_pair(f);
	CHECK(store_commit(f->store, NULL, 0, forget_passwords, f) == 0);
	auth_accounts_changed(f->auth);
	CHECK(strcmp(auth_mechanisms(f->auth, client_of(f, true)), "PLAIN LOGIN") == 0);
	CHECK(auth_begin(f->auth, f->arena, client_of(f, true), SLICE("SCRAM-SHA-256"), NULL, &e,
	                 &challenge) == AUTH_NOT_OFFERED);
	disconnect(f);
}

static void offers_what_is_stored(void **state) { run_on_fiber(1, check_stored, *state); }

static int change_password(struct db *db, void *arg)
{
	struct fixture *f = arg;
	struct directory_verifier v[PASSWORD_VERIFIERS];
	int rc = password_make(f->arena, SLICE("new"), v);
	return rc < 0 ? rc
	              : directory_set_verifiers(db, SLICE("alice@example.test"), v,
	                                        PASSWORD_VERIFIERS);
}

/* What is remembered ends with the password, and with the account. */
static void check_remembered(void *arg)
{
	struct fixture *f = arg;
	struct auth_identity who;
	struct slice old = SLICE("se\xc3\xa9"
	                         "cret");
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), old, &who) ==
	      AUTH_OK);
	int64_t start = clock_monotonic_ns();
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), old, &who) ==
	      AUTH_OK);
	int64_t again = clock_monotonic_ns() - start;
	start = clock_monotonic_ns();
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	CHECK(again < clock_monotonic_ns() - start);
	CHECK(store_commit(f->store, NULL, 0, change_password, f) == 0);
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), old, &who) ==
	      AUTH_REFUSED);
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), SLICE("new"),
	                 &who) == AUTH_OK);
	CHECK(store_commit(f->store, NULL, 0, disable_alice, NULL) == 0);
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), SLICE("new"),
	                 &who) == AUTH_REFUSED);
}

static void remembered(void **state) { run_on_fiber(1, check_remembered, *state); }

static void check_login(void *arg)
{
	struct fixture *f = arg;
	struct auth_identity who;
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"),
	                 SLICE("se\xc3\xa9"
	                       "cret"),
	                 &who) == AUTH_OK);
	CHECK(slice_equal(slice_from_str(who.address), SLICE("alice@example.test")));
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	auth_set_refusal_pause(f->auth, 100);
	int64_t start = clock_monotonic_ms();
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	CHECK(clock_monotonic_ms() - start >= 100);
}

static void login(void **state) { run_on_fiber(1, check_login, *state); }

/* --- a flood ------------------------------------------------------------------------- */

enum { GUESSES = 24 };

struct flood {
	struct fixture *f;
	unsigned refused;
};

static void guess(void *arg)
{
	struct flood *flood = arg;
	struct fixture *f = flood->f;
	struct arena *arena = arena_new();
	struct auth_identity who;
	CHECK(auth_login(f->auth, arena, client_of(f, true), SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	flood->refused++;
	arena_free(arena);
}

/* Whoever guesses on many connections waits for himself, not others for him. */
static void check_flood(void *arg)
{
	struct fixture *f = arg;
	struct flood flood = { .f = f };
	fiber_id guesses[GUESSES];
	struct auth_identity who;
	connect_pair(f);
	for (int i = 0; i < GUESSES; i++)
		guesses[i] = fiber_start(-1, "guess", guess, &flood);
	fiber_yield();
	struct conn *guesser = f->conn;
	int other = f->other;
	connect_pair_from(f, SLICE("198.51.100.7:1"));
	CHECK(auth_login(f->auth, f->arena, client_of(f, true), SLICE("alice"),
	                 SLICE("se\xc3\xa9"
	                       "cret"),
	                 &who) == AUTH_OK);
	CHECK(flood.refused < GUESSES / 2);
	disconnect(f);
	f->conn = guesser;
	f->other = other;
	for (int i = 0; i < GUESSES; i++)
		CHECK(fiber_join(guesses[i], DEADLINE_NEVER) == 0);
	CHECK(flood.refused == GUESSES);
	disconnect(f);
}

static void a_flood_waits_for_itself(void **state) { run_on_fiber(1, check_flood, *state); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain, setup, fixture_free),
		cmocka_unit_test_setup_teardown(steps, setup, fixture_free),
		cmocka_unit_test_setup_teardown(clear_needs_permission, setup, fixture_free),
		cmocka_unit_test_setup_teardown(offers_what_is_stored, setup, fixture_free),
		cmocka_unit_test_setup_teardown(login, setup, fixture_free),
		cmocka_unit_test_setup_teardown(remembered, setup, fixture_free),
		cmocka_unit_test_setup_teardown(a_flood_waits_for_itself, setup, fixture_free),
	};
	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
