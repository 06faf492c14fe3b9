#include "net/net_test.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "net/conn_internal.h"
#include "net/net_test_tls.h"
#include "net/tls.h"

/* One server with three certificates and the clients that talk to it. */
struct world {
	struct test_authority authority;
	struct test_authority stranger;
	struct test_certificate first, second, wild;
	struct tls_server *server;
	struct tls_client *strict;   /* trusts the authority */
	struct tls_client *any;      /* trusts the stranger, but believes anything */
	struct tls_client *deceived; /* trusts the stranger, and insists */
};

static struct world world;

static int setup(void **state)
{
	char *why = NULL;

	(void)state;
	test_authority_make(&world.authority);
	test_authority_make(&world.stranger);
	world.first = test_certificate_make(&world.authority, "first.test", NULL, NULL);
	world.second = test_certificate_make(&world.authority, "second",
	                                     "DNS:second.test,DNS:Other.Test,IP:127.0.0.1,"
	                                     "email:Alice@Second.test",
	                                     NULL);
	world.wild = test_certificate_make(&world.authority, "wild", "DNS:*.wild.test", NULL);
	const struct tls_certificate_files files[] = { test_files(&world.first),
		                                       test_files(&world.second),
		                                       test_files(&world.wild) };
	assert_int_equal(tls_server_new(files, 3, &world.server, &why), 0);
	assert_int_equal(tls_client_new(TLS_VERIFY_NAME, world.authority.path, &world.strict, &why),
	                 0);
	assert_int_equal(tls_client_new(TLS_VERIFY_NONE, world.stranger.path, &world.any, &why), 0);
	assert_int_equal(
		tls_client_new(TLS_VERIFY_NAME, world.stranger.path, &world.deceived, &why), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tls_client_free(world.strict);
	tls_client_free(world.any);
	tls_client_free(world.deceived);
	tls_server_free(world.server);
	test_certificate_remove(&world.first);
	test_certificate_remove(&world.second);
	test_certificate_remove(&world.wild);
	test_authority_remove(&world.authority);
	test_authority_remove(&world.stranger);
	return 0;
}

/* --- two ends ------------------------------------------------------------------------ */

struct ends {
	struct conn *server;
	struct conn *client;
	int accepted; /* of conn_tls_accept() */
	const char *why;
};

static struct ends ends_new(void)
{
	struct net_address nobody = { .any.sa_family = AF_UNIX };
	struct ends e = { .accepted = 1 };
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(conn_new(fds[0], &nobody, &e.server) == 0);
	CHECK(conn_new(fds[1], &nobody, &e.client) == 0);
	return e;
}

static void ends_close(struct ends *e)
{
	conn_close(e->client);
	conn_close(e->server);
}

static void accepts(void *arg)
{
	struct ends *e = arg;

	e->accepted = conn_tls_accept(e->server, world.server, SOON, &e->why);
}

/* What conn_tls_connect() says while the other end accepts. */
static int meet(struct ends *e, struct tls_client *client, const char *host, const char **why)
{
	fiber_id server;
	int rc;

	*e = ends_new();
	server = fiber_start(-1, "server", accepts, e);
	rc = conn_tls_connect(e->client, client, host, SOON, why);
	if (rc < 0) {
		conn_close(e->client);
		e->client = NULL;
	}
	CHECK(fiber_join(server, SOON) == 0);
	return rc;
}

/* Each end says a line and hears the other's. */
static void exchange(struct ends *e)
{
	struct slice line = SLICE_EMPTY;

	CHECK(conn_write(e->client, SLICE("ping\r\n"), SOON) == 0);
	CHECK(conn_flush(e->client, SOON) == 0);
	CHECK(conn_read_line(e->server, 100, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "ping");
	CHECK(conn_write(e->server, SLICE("pong\r\n"), SOON) == 0);
	CHECK(conn_flush(e->server, SOON) == 0);
	CHECK(conn_read_line(e->client, 100, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "pong");
}

/* A whole connection; returns whether it was resumed. */
static bool resumes(struct tls_client *client, const char *host)
{
	struct ends e;
	bool resumed;

	CHECK(meet(&e, client, host, NULL) == 0);
	exchange(&e);
	resumed = conn_tls_info(e.client).resumed;
	CHECK(conn_tls_info(e.server).resumed == resumed);
	ends_close(&e);
	return resumed;
}

/* --- what is agreed on --------------------------------------------------------------- */

static void info_body(struct net_test *t)
{
	struct conn_tls_info info;
	struct slice line;
	struct ends e;

	(void)t;
	CHECK(meet(&e, world.strict, "SECOND.test.", NULL) == 0);
	CHECK(conn_is_tls(e.client) && conn_is_tls(e.server));
	info = conn_tls_info(e.server);
	CHECK(strcmp(info.protocol, "TLSv1.3") == 0);
	CHECK(strncmp(info.cipher, "TLS_", 4) == 0);
	CHECK(info.bits >= 128);
	CHECK(strcmp(info.server_name, "second.test") == 0);
	CHECK(!info.verified);
	info = conn_tls_info(e.client);
	CHECK(info.verified);
	exchange(&e);
	exchange(&e);
	/* The end is said. */
	conn_close(e.client);
	CHECK(conn_read_line(e.server, 100, &line, NULL, SOON) == 0);
	conn_close(e.server);
}

static void info(void **state)
{
	(void)state;
	net_test_run(1, info_body);
}

/* As each end sees the other's certificate. */
static void peer_body(struct net_test *t)
{
	struct arena *a = arena_new();
	struct conn_tls_peer peer;
	struct ends e;

	(void)t;
	CHECK(meet(&e, world.strict, "second.test", NULL) == 0);
	CHECK(conn_tls_has_peer(e.client) && !conn_tls_has_peer(e.server));
	CHECK(conn_tls_peer(e.server, a, &peer) == -ENOENT);
	CHECK(conn_tls_peer(e.client, a, &peer) == 0);
	CHECK(peer.verified && strcmp(peer.subject, "CN=second") == 0);
	CHECK(peer.fingerprint.len == 64);
	CHECK(peer.name_count == 2 && peer.email_count == 1);
	CHECK_TEXT(peer.names[1], "Other.Test");
	CHECK_TEXT(peer.emails[0], "Alice@Second.test");
	ends_close(&e);
	CHECK(meet(&e, world.any, "second.test", NULL) == 0);
	CHECK(conn_tls_peer(e.client, a, &peer) == 0 && !peer.verified);
	ends_close(&e);
	e = ends_new();
	CHECK(!conn_tls_has_peer(e.client));
	CHECK(conn_tls_peer(e.client, a, &peer) == -ENOENT);
	ends_close(&e);
	arena_free(a);
}

static void peers_certificate(void **state)
{
	(void)state;
	net_test_run(1, peer_body);
}

/* A client that has none is served by a server that asks. */
static void asking_body(struct net_test *t)
{
	char *why = NULL;
	struct ends e;

	(void)t;
	CHECK(tls_server_ask(world.server, "/nonexistent/ca", &why) == -ENOENT);
	CHECK(strstr(why, "/nonexistent/ca") != NULL);
	free(why);
	CHECK(tls_server_ask(world.server, world.first.key, &why) == -EINVAL);
	free(why);
	CHECK(tls_server_ask(world.server, world.authority.path, &why) == 0);
	CHECK(meet(&e, world.strict, "second.test", NULL) == 0);
	exchange(&e);
	CHECK(!conn_tls_has_peer(e.server) && !conn_tls_info(e.server).verified);
	ends_close(&e);
}

static void asking(void **state)
{
	(void)state;
	net_test_run(1, asking_body);
}

static void trust_body(struct net_test *t)
{
	const char *why = NULL;
	struct ends e;

	(void)t;
	/* The wrong name, the wrong authority. */
	CHECK(meet(&e, world.strict, "third.test", &why) == -EPROTO);
	CHECK(e.accepted == -EPROTO);
	ends_close(&e);
	CHECK(meet(&e, world.deceived, "second.test", &why) == -EPROTO);
	ends_close(&e);
	/* Believed, but it is told. */
	CHECK(meet(&e, world.any, "second.test", &why) == 0);
	CHECK(!conn_tls_info(e.client).verified);
	exchange(&e);
	ends_close(&e);
	/* An address needs no SNI, but must be in the certificate. */
	CHECK(meet(&e, world.strict, "127.0.0.1", &why) == -EPROTO);
	ends_close(&e);
	CHECK(meet(&e, world.any, "::1", &why) == 0);
	CHECK(conn_tls_info(e.server).server_name == NULL);
	ends_close(&e);
}

static void trust(void **state)
{
	(void)state;
	net_test_run(1, trust_body);
}

static void why_body(struct net_test *t)
{
	const char *why = NULL;
	struct ends e = ends_new();
	fiber_id server = fiber_start(-1, "server", accepts, &e);

	(void)t;
	CHECK(conn_tls_connect(e.client, world.strict, "third.test", SOON, &why) == -EPROTO);
	CHECK(why && strstr(why, "hostname mismatch"));
	CHECK(fiber_join(server, SOON) == 0);
	CHECK(e.why && strstr(e.why, "alert"));
	/* Nothing more goes over a stream that was not trusted. */
	CHECK(conn_write(e.client, SLICE("secret"), SOON) == -EPROTO);
	CHECK(conn_fill(e.client, SOON) == -EPROTO);
	CHECK(conn_tls_info(e.client).protocol == NULL);
	ends_close(&e);
}

static void why_it_failed(void **state)
{
	(void)state;
	net_test_run(1, why_body);
}

static void names_body(struct net_test *t)
{
	static const char *const good[] = { "first.test", "second.test", "other.test",
		                            "OTHER.TEST", "a.wild.test", "b.wild.test" };
	static const char *const bad[] = { "wild.test", "a.b.wild.test", "test", "x.first.test" };
	struct ends e;

	(void)t;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(meet(&e, world.strict, good[i], NULL) == 0);
		ends_close(&e);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(meet(&e, world.strict, bad[i], NULL) == -EPROTO);
		ends_close(&e);
	}
}

static void certificates_by_name(void **state)
{
	(void)state;
	net_test_run(1, names_body);
}

/* --- resumption and reload ----------------------------------------------------------- */

static void resumption_body(struct net_test *t)
{
	char *why = NULL;
	struct ends e;

	(void)t;
	CHECK(!resumes(world.strict, "b.wild.test") || resumes(world.strict, "b.wild.test"));
	CHECK(resumes(world.strict, "b.wild.test"));
	CHECK(resumes(world.strict, "b.wild.test"));
	/* Neither another host nor another client shares it. */
	CHECK(!resumes(world.strict, "c.wild.test"));
	CHECK(!resumes(world.any, "b.wild.test"));
	CHECK(tls_server_reload(world.server, &why) == 0);
	CHECK(resumes(world.strict, "b.wild.test"));
	/* A resumed session keeps the verdict on the certificate. */
	CHECK(meet(&e, world.strict, "b.wild.test", NULL) == 0);
	CHECK(conn_tls_info(e.client).resumed && conn_tls_info(e.client).verified);
	ends_close(&e);
	CHECK(meet(&e, world.any, "b.wild.test", NULL) == 0);
	CHECK(conn_tls_info(e.client).resumed && !conn_tls_info(e.client).verified);
	ends_close(&e);
}

static void resumption(void **state)
{
	(void)state;
	net_test_run(1, resumption_body);
}

static void reload_body(struct net_test *t)
{
	char *why = NULL;
	struct test_certificate renewed;
	struct ends old;
	struct ends e;
	FILE *file;

	(void)t;
	CHECK(meet(&old, world.strict, "second.test", NULL) == 0);
	CHECK(meet(&e, world.strict, "renewed.test", NULL) == -EPROTO);
	ends_close(&e);
	renewed = test_certificate_make(&world.authority, "second",
	                                "DNS:second.test,DNS:renewed.test", NULL);
	CHECK(strcmp(renewed.chain, world.second.chain) == 0);
	CHECK(tls_server_reload(world.server, &why) == 0);
	exchange(&old);
	ends_close(&old);
	CHECK(meet(&e, world.strict, "renewed.test", NULL) == 0);
	ends_close(&e);
	/* A broken file changes nothing. */
	file = fopen(world.second.chain, "we");
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	fclose(file);
	CHECK(tls_server_reload(world.server, &why) == -EINVAL);
	CHECK(why && strstr(why, world.second.chain));
	free(why);
	CHECK(meet(&e, world.strict, "renewed.test", NULL) == 0);
	ends_close(&e);
	renewed = test_certificate_make(&world.authority, "second",
	                                "DNS:second.test,DNS:other.test", NULL);
	CHECK(tls_server_reload(world.server, &why) == 0);
}

static void reload(void **state)
{
	(void)state;
	net_test_run(1, reload_body);
}

static void refuses(const char *chain, const char *key, int error, const char *part)
{
	struct tls_certificate_files files = { .chain_path = chain, .key_path = key };
	struct tls_server *server = NULL;
	char *why = NULL;

	assert_int_equal(tls_server_new(&files, 1, &server, &why), error);
	assert_non_null(why);
	assert_non_null(strstr(why, part));
	free(why);
}

static void bad_files(void **state)
{
	struct test_certificate locked = test_certificate_make(&world.authority, "locked",
	                                                       "DNS:locked.test", "secret");
	struct tls_client *client = NULL;
	struct tls_server *server = NULL;
	char *why = NULL;

	(void)state;
	refuses("/nonexistent/chain", world.first.key, -ENOENT, "/nonexistent/chain");
	refuses(world.first.chain, "/nonexistent/key", -ENOENT, "/nonexistent/key");
	refuses(world.first.key, world.first.key, -EINVAL, world.first.key);
	refuses(world.first.chain, world.second.key, -EINVAL, "mismatch");
	refuses(locked.chain, locked.key, -EINVAL, locked.key);
	assert_int_equal(tls_server_new(NULL, 0, &server, &why), -EINVAL);
	free(why);
	assert_int_equal(tls_client_new(TLS_VERIFY_NAME, "/nonexistent/ca", &client, &why),
	                 -EINVAL);
	assert_non_null(strstr(why, "/nonexistent/ca"));
	free(why);
	test_certificate_remove(&locked);
}

/* --- STARTTLS and hostile peers ------------------------------------------------------- */

static void injected_body(struct net_test *t)
{
	const char *why = NULL;
	struct ends e = ends_new();
	struct slice line;
	fiber_id server;

	(void)t;
	CHECK(conn_write(e.client, SLICE("STARTTLS\r\nRSET\r\n"), SOON) == 0);
	CHECK(conn_flush(e.client, SOON) == 0);
	CHECK(conn_read_line(e.server, 100, &line, NULL, SOON) == 1);
	/* What came in clear behind the command may not go over into the encrypted stream. */
	CHECK(conn_tls_accept(e.server, world.server, SOON, &why) == -EPROTO);
	CHECK(why != NULL);
	conn_discard(e.server);
	CHECK(conn_write(e.server, SLICE("220 go ahead\r\n"), SOON) == 0);
	server = fiber_start(-1, "server", accepts, &e);
	CHECK(conn_read_line(e.client, 100, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "220 go ahead");
	CHECK(conn_tls_connect(e.client, world.strict, "first.test", SOON, &why) == 0);
	CHECK(fiber_join(server, SOON) == 0);
	exchange(&e);
	CHECK(conn_tls_accept(e.server, world.server, SOON, &why) == -EPROTO);
	ends_close(&e);
}

static void injected_input(void **state)
{
	(void)state;
	net_test_run(1, injected_body);
}

static void hostile_body(struct net_test *t)
{
	struct ends e = ends_new();

	(void)t;
	CHECK(conn_write(e.client, SLICE("EHLO plain.test\r\n"), SOON) == 0);
	CHECK(conn_flush(e.client, SOON) == 0);
	accepts(&e);
	CHECK(e.accepted == -EPROTO && e.why);
	ends_close(&e);

	e = ends_new();
	CHECK(conn_write(e.client, SLICE("\x16\x03\x01\x02"), SOON) == 0);
	conn_close(e.client);
	accepts(&e);
	CHECK(e.accepted == -EPROTO && e.why);
	conn_close(e.server);

	e = ends_new();
	CHECK(conn_tls_accept(e.server, world.server, deadline_in(20), NULL) == -ETIMEDOUT);
	CHECK(conn_write(e.server, SLICE("in clear"), SOON) == -ETIMEDOUT);
	ends_close(&e);

	/* A record that no key has made ends a session, and only that. */
	CHECK(meet(&e, world.strict, "first.test", NULL) == 0);
	CHECK(send(e.client->fd, "\x17\x03\x03\0\x20garbagegarbagegarbagegarbage1234", 37,
	           MSG_NOSIGNAL) == 37);
	CHECK(conn_fill(e.server, SOON) == -EPROTO);
	ends_close(&e);
}

static void hostile_peers(void **state)
{
	(void)state;
	net_test_run(1, hostile_body);
}

/* --- data ---------------------------------------------------------------------------- */

enum { BULK = 700 * 1000 };

/* Writes BULK bytes of a known pattern in pieces of all sizes. */
static void writes_bulk(void *arg)
{
	struct conn *c = arg;
	char *text = mem_alloc(BULK);
	size_t at = 0;

	for (size_t i = 0; i < BULK; i++)
		text[i] = (char)(i % 251);
	for (size_t step = 1; at < BULK; step = step * 3 + 1) {
		size_t len = step % 150000;

		if (len > BULK - at)
			len = BULK - at;
		CHECK(conn_write(c, slice_of(text + at, len), SOON) == 0);
		at += len;
	}
	free(text);
	CHECK(conn_flush(c, SOON) == 0);
}

static void bulk_body(struct net_test *t)
{
	struct ends e;
	size_t at = 0;
	bool same = true;

	(void)t;
	CHECK(meet(&e, world.strict, "first.test", NULL) == 0);
	fiber_start(-1, "writer", writes_bulk, e.server);
	while (at < BULK && conn_fill(e.client, SOON) == 1) {
		struct slice got = conn_buffered(e.client);

		for (size_t i = 0; i < got.len; i++)
			same = same && got.data[i] == (char)((at + i) % 251);
		at += got.len;
		conn_consume(e.client, got.len);
	}
	CHECK(at == BULK);
	CHECK(same);
	exchange(&e);
	ends_close(&e);
}

static void bulk(void **state)
{
	(void)state;
	net_test_run(1, bulk_body);
}

/* --- other versions ------------------------------------------------------------------- */

/* A client of OpenSSL's own, on a thread of its own. */
struct old_client {
	int fd;
	int version;
	SSL_SESSION *session;
	int connected;
	bool reused;
};

static void *old_client_run(void *arg)
{
	struct old_client *o = arg;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	char got[6];

	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, o->version);
	SSL_CTX_set_max_proto_version(context, o->version);
	ssl = SSL_new(context);
	SSL_set_fd(ssl, o->fd);
	if (o->session)
		SSL_set_session(ssl, o->session);
	o->connected = SSL_connect(ssl);
	if (o->connected == 1) {
		o->reused = SSL_session_reused(ssl);
		o->connected = SSL_write(ssl, "ping\r\n", 6) == 6 && SSL_read(ssl, got, 6) == 6;
		SSL_SESSION_free(o->session);
		o->session = SSL_get1_session(ssl);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(o->fd);
	return NULL;
}

static int meet_old(struct old_client *o)
{
	struct net_address nobody = { .any.sa_family = AF_UNIX };
	struct conn *server = NULL;
	struct slice line;
	pthread_t thread;
	int fds[2];
	int rc;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	o->fd = fds[1];
	CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(conn_new(fds[0], &nobody, &server) == 0);
	CHECK(pthread_create(&thread, NULL, old_client_run, o) == 0);
	rc = conn_tls_accept(server, world.server, SOON, NULL);
	if (rc == 0) {
		CHECK(conn_read_line(server, 100, &line, NULL, SOON) == 1);
		CHECK(conn_write(server, SLICE("pong\r\n"), SOON) == 0);
		CHECK(conn_flush(server, SOON) == 0);
	}
	CHECK(pthread_join(thread, NULL) == 0);
	conn_close(server);
	return rc;
}

static void versions_body(struct net_test *t)
{
	struct old_client tls11 = { .version = TLS1_1_VERSION };
	struct old_client tls12 = { .version = TLS1_2_VERSION };

	(void)t;
	CHECK(meet_old(&tls11) == -EPROTO);
	CHECK(tls11.connected != 1);
	CHECK(meet_old(&tls12) == 0);
	CHECK(tls12.connected == 1 && !tls12.reused);
	CHECK(meet_old(&tls12) == 0);
	CHECK(tls12.connected == 1 && tls12.reused);
	SSL_SESSION_free(tls12.session);
}

static void versions(void **state)
{
	(void)state;
	net_test_run(1, versions_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info),          cmocka_unit_test(trust),
		cmocka_unit_test(why_it_failed), cmocka_unit_test(certificates_by_name),
		cmocka_unit_test(resumption),    cmocka_unit_test(reload),
		cmocka_unit_test(bad_files),     cmocka_unit_test(injected_input),
		cmocka_unit_test(hostile_peers), cmocka_unit_test(bulk),
		cmocka_unit_test(versions),      cmocka_unit_test(peers_certificate),
		cmocka_unit_test(asking),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
