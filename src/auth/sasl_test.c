/* Exchanges on a connected pair of sockets and a store with an account. */
#include "fiber/fiber_testing.h"
#include "store/store_testing.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/password.h"
#include "base/codec.h"
#include "base/log.h"

struct fixture {
	void *dir;
	struct store *store;
	struct auth *auth;
	struct arena *arena;
	struct conn *conn; /* plain */
	int other;
};

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

static int disable_alice(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_enabled(db, SLICE("alice@example.test"), false);
}

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	log_setup(LOG_ERROR, false, 2);
	int rc = testing_make_dir(&f->dir);
	f->store = testing_open(f->dir);
	f->arena = arena_new();
	assert_int_equal(store_commit(f->store, NULL, 0, add_alice, f), 0);
	assert_int_equal(auth_open(f->store, &f->auth), 0);
	auth_set_refusal_pause(f->auth, 0);
	*state = f;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	auth_close(f->auth);
	store_close(f->store);
	arena_free(f->arena);
	testing_remove_dir(&f->dir);
	free(f);
	return 0;
}

static void connect_pair_from(struct fixture *f, struct slice client)
{
	int fds[2];
	struct net_address peer;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(net_address_parse(client, 0, &peer) == 0);
	CHECK(conn_new(fds[0], &peer, &f->conn) == 0);
	f->other = fds[1];
}

static void connect_pair(struct fixture *f) { connect_pair_from(f, SLICE("192.0.2.1:1")); }

static void disconnect(struct fixture *f)
{
	conn_close(f->conn);
	close(f->other);
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
	enum auth_result result = auth_begin(f->auth, f->arena, f->conn, true,
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
	               NULL) == AUTH_REFUSED);
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
	CHECK(counts.accepted == 3 && counts.refused == 6 && counts.unavailable == 0);
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
	CHECK(auth_begin(f->auth, f->arena, f->conn, true, SLICE("LOGIN"), NULL, &e, &challenge) ==
	      AUTH_CONTINUE);
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
	CHECK(auth_begin(f->auth, f->arena, f->conn, true, SLICE("LOGIN"), &name, &e, &challenge) ==
	      AUTH_CONTINUE);
	CHECK(slice_equal(challenge, SLICE("UGFzc3dvcmQ6")));
	CHECK(auth_step(e, encode(f, SLICE("wrong")), &challenge) == AUTH_REFUSED);
	auth_end(e);
	/* PLAIN without an initial response, given up, or not base64. */
	CHECK(auth_begin(f->auth, f->arena, f->conn, true, SLICE("PLAIN"), NULL, &e, &challenge) ==
	      AUTH_CONTINUE);
	CHECK(challenge.len == 0);
	CHECK(auth_step(e,
	                encode(f, PLAIN("\0alice\0se\xc3\xa9"
	                                "cret")),
	                &challenge) == AUTH_OK);
	auth_end(e);
	CHECK(auth_begin(f->auth, f->arena, f->conn, true, SLICE("PLAIN"), NULL, &e, &challenge) ==
	      AUTH_CONTINUE);
	CHECK(auth_step(e, SLICE("*"), &challenge) == AUTH_CANCELLED);
	auth_end(e);
	CHECK(auth_begin(f->auth, f->arena, f->conn, true, SLICE("PLAIN"), NULL, &e, &challenge) ==
	      AUTH_CONTINUE);
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
	CHECK(strcmp(auth_mechanisms(f->auth, f->conn, false), "SCRAM-SHA-256 SCRAM-SHA-1") == 0);
	CHECK(strcmp(auth_mechanisms(f->auth, f->conn, true),
	             "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN") == 0);
	CHECK(auth_begin(f->auth, f->arena, f->conn, false, SLICE("PLAIN"), NULL, &e, &challenge) ==
	      AUTH_NEEDS_TLS);
	CHECK(!e);
	auth_end(e);
	disconnect(f);
}

static void clear_needs_permission(void **state) { run_on_fiber(1, check_clear, *state); }

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
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), old, &who) == AUTH_OK);
	int64_t start = clock_monotonic_ns();
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), old, &who) == AUTH_OK);
	int64_t again = clock_monotonic_ns() - start;
	start = clock_monotonic_ns();
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	CHECK(again < clock_monotonic_ns() - start);
	CHECK(store_commit(f->store, NULL, 0, change_password, f) == 0);
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), old, &who) == AUTH_REFUSED);
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), SLICE("new"), &who) == AUTH_OK);
	CHECK(store_commit(f->store, NULL, 0, disable_alice, NULL) == 0);
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), SLICE("new"), &who) ==
	      AUTH_REFUSED);
}

static void remembered(void **state) { run_on_fiber(1, check_remembered, *state); }

static void check_login(void *arg)
{
	struct fixture *f = arg;
	struct auth_identity who;
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"),
	                 SLICE("se\xc3\xa9"
	                       "cret"),
	                 &who) == AUTH_OK);
	CHECK(slice_equal(slice_from_str(who.address), SLICE("alice@example.test")));
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), SLICE("x"), &who) ==
	      AUTH_REFUSED);
	auth_set_refusal_pause(f->auth, 100);
	int64_t start = clock_monotonic_ms();
	CHECK(auth_login(f->auth, f->arena, NULL, SLICE("alice"), SLICE("x"), &who) ==
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
	CHECK(auth_login(f->auth, arena, f->conn, SLICE("alice"), SLICE("x"), &who) ==
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
	CHECK(auth_login(f->auth, f->arena, f->conn, SLICE("alice"),
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
		cmocka_unit_test_setup_teardown(plain, setup, teardown),
		cmocka_unit_test_setup_teardown(steps, setup, teardown),
		cmocka_unit_test_setup_teardown(clear_needs_permission, setup, teardown),
		cmocka_unit_test_setup_teardown(login, setup, teardown),
		cmocka_unit_test_setup_teardown(remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_waits_for_itself, setup, teardown),
	};
	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
