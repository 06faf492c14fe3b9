/* What the tests of logins share: a store with accounts, and a connected pair of sockets. */
#ifndef VEREDUS_AUTH_AUTH_TESTING_H
#define VEREDUS_AUTH_AUTH_TESTING_H

#include "fiber/fiber_testing.h"
#include "store/store_testing.h"

#include <gsasl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/auth_key.h"
#include "auth/password.h"
#include "base/log.h"

struct fixture {
	void *dir;
	struct store *store;
	struct auth *auth;
	struct arena *arena;
	struct conn *conn; /* plain */
	int other;
	Gsasl *client;     /* for who speaks a mechanism at the other end */
	char key_path[64]; /* of the installation's key, for who makes one */
};

/* add: a closure with the fixture, which fills the store. No refusal takes its time. */
static inline struct fixture *fixture_new(store_fn add)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	log_setup(LOG_ERROR, false, 2);
	assert_int_equal(testing_make_dir(&f->dir), 0);
	f->store = testing_open(f->dir);
	f->arena = arena_new();
	assert_int_equal(store_commit(f->store, NULL, 0, add, f), 0);
	assert_int_equal(auth_open(f->store, &f->auth), 0);
	auth_set_refusal_pause(f->auth, 0);
	auth_set_toll(f->auth, 0, 1000);
	assert_int_equal(gsasl_init(&f->client), GSASL_OK);
	return f;
}

static inline int fixture_free(void **state)
{
	struct fixture *f = *state;
	if (f->key_path[0])
		unlink(f->key_path);
	gsasl_done(f->client);
	auth_close(f->auth);
	store_close(f->store);
	arena_free(f->arena);
	testing_remove_dir(&f->dir);
	free(f);
	return 0;
}

/* As if from this address. */
static inline void connect_pair_from(struct fixture *f, struct slice client)
{
	int fds[2];
	struct net_address peer;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(net_address_parse(client, 0, &peer) == 0);
	CHECK(conn_new(fds[0], &peer, &f->conn) == 0);
	f->other = fds[1];
}

static inline void connect_pair(struct fixture *f) { connect_pair_from(f, SLICE("192.0.2.1:1")); }

static inline void disconnect(struct fixture *f)
{
	conn_close(f->conn);
	close(f->other);
	f->conn = NULL;
}

/* Whoever is at the other end, in the arena. */
static inline const struct auth_client *client_of(struct fixture *f, bool clear_allowed)
{
	struct auth_client *c = ARENA_NEW(f->arena, struct auth_client);
	*c = (struct auth_client){ f->conn, AUTH_SMTP, clear_allowed };
	return c;
}

static inline int disable_alice(struct db *db, void *arg)
{
	(void)arg;
	return directory_set_enabled(db, SLICE("alice@example.test"), false);
}

#endif
