#include "net/net_test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "net/net_test_tls.h"
#include "net/service.h"

/* A protocol to test with: it answers each line. */
struct echo {
	struct session session;
	unsigned lines;
	char *own;
};

struct echo_log {
	atomic_int opened;
	atomic_int closed;
	atomic_int last_worker_mask; /* a bit for each worker that ran a session */
	atomic_uint_fast64_t name;   /* of the session that said NAME */
	atomic_int lines;            /* of all sessions */
	atomic_int marked_at;        /* lines when one of them was MARK */
};

static enum session_verdict echo_open(struct session *s)
{
	struct echo *e = (struct echo *)s;
	struct echo_log *log = service_context(s->service);

	atomic_fetch_add(&log->opened, 1);
	atomic_fetch_or(&log->last_worker_mask, 1 << runtime_worker());
	e->own = mem_str(SLICE("own"));
	(void)conn_write(s->conn, SLICE("220 hello\r\n"), SOON);
	return SESSION_CONTINUE;
}

static enum session_verdict echo_line(struct echo *e, struct slice line)
{
	struct session *s = &e->session;
	struct echo_log *log = service_context(s->service);

	if (slice_equal(line, SLICE("QUIT"))) {
		(void)conn_write(s->conn, SLICE("221 bye\r\n"), SOON);
		return SESSION_END;
	}
	int lines = atomic_fetch_add(&log->lines, 1) + 1;

	if (slice_equal(line, SLICE("MARK")))
		atomic_store(&log->marked_at, lines);
	if (slice_equal(line, SLICE("NAME")))
		atomic_store(&log->name, session_name(s));
	if (slice_equal(line, SLICE("SHORT")))
		s->idle_ms = 50;
	(void)conn_printf(s->conn, SOON, "250 %.*s %u\r\n", SLICE_ARG(line), ++e->lines);
	return SESSION_CONTINUE;
}

static enum session_verdict echo_step(struct session *s, enum session_event event)
{
	struct slice line;

	switch (event) {
	case SESSION_INPUT:
		if (conn_read_line(s->conn, 512, &line, NULL, SOON) != 1)
			return SESSION_END;
		return echo_line((struct echo *)s, line);
	case SESSION_NOTICE:
		(void)conn_write(s->conn, SLICE("* notice\r\n"), SOON);
		return SESSION_CONTINUE;
	case SESSION_IDLE:
		(void)conn_write(s->conn, SLICE("421 idle\r\n"), SOON);
		return SESSION_END;
	case SESSION_STOPPING:
		(void)conn_write(s->conn, SLICE("421 stopping\r\n"), SOON);
		return SESSION_END;
	}
	return SESSION_END;
}

static void echo_close(struct session *s)
{
	struct echo_log *log = service_context(s->service);

	free(((struct echo *)s)->own);
	atomic_fetch_add(&log->closed, 1);
}

static const char *echo_refuse(enum service_limit reached)
{
	return reached == SERVICE_LIMIT_PER_ADDRESS ? "421 your address\r\n" : "421 too many\r\n";
}

static const struct protocol echo_protocol = {
	.name = "echo",
	.session_size = sizeof(struct echo),
	.open = echo_open,
	.step = echo_step,
	.close = echo_close,
	.refuse = echo_refuse,
};

static struct service *serve(const char *address, struct echo_log *log,
                             const struct service_config *extra)
{
	struct service_config config = *extra;
	struct service *s = NULL;

	config.protocol = &echo_protocol;
	config.name = "echo";
	config.context = log;
	if (config.idle_ms == 0)
		config.idle_ms = 60 * 1000;
	CHECK(net_address_parse(slice_from_str(address), 0, &config.address) == 0);
	CHECK(service_listen(&config, &s) == 0);
	service_start(s);
	return s;
}

static struct conn *dial(const char *host, uint16_t port)
{
	struct net_address to;
	struct conn *c = NULL;

	CHECK(net_address_parse(slice_from_str(host), port, &to) == 0);
	CHECK(conn_connect(&to, NULL, SOON, &c) == 0);
	return c;
}

static void say(struct conn *c, const char *text)
{
	CHECK(conn_write(c, slice_from_str(text), SOON) == 0);
	CHECK(conn_flush(c, SOON) == 0);
}

static bool hears(struct conn *c, const char *text)
{
	struct slice line = SLICE_EMPTY;
	int rc = conn_read_line(c, 512, &line, NULL, SOON);

	if (rc == 1 && slice_equal(line, slice_from_str(text)))
		return true;
	fprintf(stderr, "# heard %d \"%.*s\" for \"%s\"\n", rc, SLICE_ARG(line), text);
	return false;
}

static bool hears_end(struct conn *c)
{
	struct slice line;
	int rc = conn_read_line(c, 512, &line, NULL, SOON);

	return rc == 0 || rc == -ECONNRESET;
}

/* Until the sessions of a service have ended. */
static void wait_until_none(struct service *s)
{
	int64_t deadline = SOON;

	while (service_counts(s).open > 0 && clock_monotonic_ms() < deadline)
		(void)fiber_sleep(deadline_in(1));
	CHECK(service_counts(s).open == 0);
}

static void finish(struct service *s)
{
	service_stop(s);
	wait_until_none(s);
	service_free(s);
}

/* --- a session ----------------------------------------------------------------------- */

static void talk_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *c = dial("127.0.0.1", service_port(s));

	(void)t;
	CHECK(hears(c, "220 hello"));
	say(c, "a\r\n");
	CHECK(hears(c, "250 a 1"));
	say(c, "b\r\nc\r\nd");
	CHECK(hears(c, "250 b 2"));
	CHECK(hears(c, "250 c 3"));
	say(c, "\r\nQUIT\r\n");
	CHECK(hears(c, "250 d 4"));
	CHECK(hears(c, "221 bye"));
	CHECK(hears_end(c));
	conn_close(c);
	wait_until_none(s);
	CHECK(log.opened == 1 && log.closed == 1);
	CHECK(service_counts(s).accepted == 1);
	/* A client that just goes. */
	c = dial("127.0.0.1", service_port(s));
	CHECK(hears(c, "220 hello"));
	conn_close(c);
	wait_until_none(s);
	CHECK(log.opened == 2 && log.closed == 2);
	finish(s);
}

static void talk(void **state)
{
	(void)state;
	net_test_run(2, talk_body);
}

static void pipelined_body(struct net_test *t)
{
	enum { LINES = 5000 };
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *c = dial("127.0.0.1", service_port(s));
	struct slice line;
	char wanted[32];
	bool same = true;

	(void)t;
	CHECK(hears(c, "220 hello"));
	for (int i = 0; i < LINES; i++)
		CHECK(conn_write(c, SLICE("NOOP\r\n"), SOON) == 0);
	CHECK(conn_flush(c, SOON) == 0);
	for (int i = 1; i <= LINES && same; i++) {
		snprintf(wanted, sizeof(wanted), "250 NOOP %d", i);
		same = conn_read_line(c, 512, &line, NULL, SOON) == 1 &&
		       slice_equal(line, slice_from_str(wanted));
	}
	CHECK(same);
	conn_close(c);
	finish(s);
}

static void pipelined(void **state)
{
	(void)state;
	net_test_run(1, pipelined_body);
}

/* One session has thousands of commands waiting, another has one: it must not wait for all of the
 * first's. */
static void fairness_body(struct net_test *t)
{
	enum { LINES = 5000 };
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *flood = dial("127.0.0.1", service_port(s));
	struct conn *modest = dial("127.0.0.1", service_port(s));

	(void)t;
	CHECK(hears(flood, "220 hello"));
	CHECK(hears(modest, "220 hello"));
	for (int i = 0; i < LINES; i++)
		CHECK(conn_write(flood, SLICE("N\r\n"), SOON) == 0);
	CHECK(conn_flush(flood, SOON) == 0);
	say(modest, "MARK\r\n");
	CHECK(hears(modest, "250 MARK 1"));
	CHECK(log.marked_at <= 2 * SERVICE_SLICE_STEPS + 1);
	CHECK(log.lines < LINES);
	conn_close(flood);
	conn_close(modest);
	finish(s);
}

static void fairness(void **state)
{
	(void)state;
	net_test_run(1, fairness_body);
}

static void idle_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log,
	                          &(struct service_config){ .idle_ms = 10 * 1000 });
	struct conn *c = dial("127.0.0.1", service_port(s));

	(void)t;
	CHECK(hears(c, "220 hello"));
	say(c, "SHORT\r\n");
	CHECK(hears(c, "250 SHORT 1"));
	CHECK(hears(c, "421 idle"));
	CHECK(hears_end(c));
	conn_close(c);
	finish(s);
	CHECK(log.closed == 1);
}

static void idle(void **state)
{
	(void)state;
	net_test_run(1, idle_body);
}

static void notices_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *c = dial("127.0.0.1", service_port(s));

	(void)t;
	CHECK(hears(c, "220 hello"));
	say(c, "NAME\r\n");
	CHECK(hears(c, "250 NAME 1"));
	session_notify(log.name);
	CHECK(hears(c, "* notice"));
	session_notify(log.name);
	CHECK(hears(c, "* notice"));
	/* Notices are no sign of life of the client. */
	say(c, "SHORT\r\n");
	CHECK(hears(c, "250 SHORT 2"));
	(void)fiber_sleep(deadline_in(30));
	session_notify(log.name);
	CHECK(hears(c, "* notice"));
	CHECK(hears(c, "421 idle"));
	CHECK(hears_end(c));
	conn_close(c);
	wait_until_none(s);
	session_notify(log.name);
	finish(s);
}

static void notices(void **state)
{
	(void)state;
	net_test_run(2, notices_body);
}

/* --- limits -------------------------------------------------------------------------- */

static void limits_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve(
		"*:0", &log,
		&(struct service_config){ .max_sessions = 3, .max_sessions_per_address = 2 });
	struct conn *a = dial("127.0.0.1", service_port(s));
	struct conn *b = dial("127.0.0.1", service_port(s));
	struct conn *c;
	struct conn *d;

	(void)t;
	CHECK(hears(a, "220 hello"));
	CHECK(hears(b, "220 hello"));
	c = dial("127.0.0.1", service_port(s));
	CHECK(hears(c, "421 your address"));
	CHECK(hears_end(c));
	conn_close(c);
	c = dial("::1", service_port(s));
	CHECK(hears(c, "220 hello"));
	d = dial("::1", service_port(s));
	CHECK(hears(d, "421 too many"));
	conn_close(d);
	CHECK(service_counts(s).refused == 2);
	CHECK(service_counts(s).open == 3);
	say(a, "QUIT\r\n");
	CHECK(hears(a, "221 bye"));
	CHECK(hears_end(a));
	conn_close(a);
	while (service_counts(s).open > 2)
		(void)fiber_sleep(deadline_in(1));
	a = dial("127.0.0.1", service_port(s));
	CHECK(hears(a, "220 hello"));
	conn_close(a);
	conn_close(b);
	conn_close(c);
	finish(s);
	CHECK(log.opened == 4 && log.closed == 4);
}

static void limits(void **state)
{
	(void)state;
	net_test_run(2, limits_body);
}

static void descriptors_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *c = dial("127.0.0.1", service_port(s));
	struct rlimit old;
	struct rlimit tight;
	int probe;

	(void)t;
	CHECK(hears(c, "220 hello"));
	conn_close(c);
	wait_until_none(s);
	/* The client's own end takes the last descriptor: accepting fails until there are more. */
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	probe = dup(0);
	close(probe);
	tight = old;
	tight.rlim_cur = (rlim_t)probe + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	c = dial("127.0.0.1", service_port(s));
	(void)fiber_sleep(deadline_in(50));
	CHECK(service_counts(s).open == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(hears(c, "220 hello"));
	conn_close(c);
	finish(s);
}

static void descriptors(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false, open("/dev/null", O_WRONLY | O_CLOEXEC));
	net_test_run(1, descriptors_body);
	log_setup(LOG_INFO, false, 2);
}

/* --- addresses ----------------------------------------------------------------------- */

static void unix_body(struct net_test *t)
{
	char path[] = "/tmp/veredus-service-XXXXXX";
	char address[64];
	struct echo_log log = { 0 };
	struct net_address to;
	struct stat st;
	struct service *s;
	struct conn *c = NULL;

	(void)t;
	CHECK(mkdtemp(path) != NULL);
	snprintf(address, sizeof(address), "unix:%s/s", path);
	s = serve(address, &log, &(struct service_config){ .socket_mode = 0620 });
	CHECK(stat(address + 5, &st) == 0 && (st.st_mode & 0777) == 0620);
	CHECK(net_address_parse(slice_from_str(address), 0, &to) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(conn_connect(&to, NULL, SOON, &c) == 0);
		CHECK(hears(c, "220 hello"));
		conn_close(c);
	}
	finish(s);
	CHECK(stat(address + 5, &st) < 0 && errno == ENOENT);
	rmdir(path);
}

static void unix_socket(void **state)
{
	(void)state;
	net_test_run(2, unix_body);
}

static void stale_unix_socket(void **state)
{
	char path[] = "/tmp/veredus-service-XXXXXX";
	struct service_config config = { .protocol = &echo_protocol, .name = "echo" };
	struct service *first = NULL;
	struct service *second = NULL;
	char address[64];
	int left;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(address, sizeof(address), "unix:%s/s", path);
	assert_int_equal(net_address_parse(slice_from_str(address), 0, &config.address), 0);
	left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(left, &config.address.any, config.address.len), 0);
	close(left);
	assert_int_equal(service_listen(&config, &first), 0);
	/* One that somebody listens on is not taken away. */
	assert_int_equal(service_listen(&config, &second), -EADDRINUSE);
	service_free(first);
	rmdir(path);
}

static void port_is_taken(void **state)
{
	struct service_config config = { .protocol = &echo_protocol, .name = "echo", .workers = 3 };
	struct service *first = NULL;
	struct service *second = NULL;

	(void)state;
	assert_int_equal(net_address_parse(SLICE("127.0.0.1:0"), 0, &config.address), 0);
	assert_int_equal(service_listen(&config, &first), 0);
	net_address_set_port(&config.address, service_port(first));
	assert_int_equal(service_listen(&config, &second), -EADDRINUSE);
	service_free(first);
	assert_int_equal(service_listen(&config, &second), 0);
	service_free(second);
}

static void workers_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ .workers = 3 });
	struct conn *c[60];

	(void)t;
	for (int i = 0; i < 60; i++)
		c[i] = dial("127.0.0.1", service_port(s));
	for (int i = 0; i < 60; i++) {
		CHECK(hears(c[i], "220 hello"));
		conn_close(c[i]);
	}
	CHECK(log.last_worker_mask == 3);
	finish(s);
}

static void every_worker_accepts(void **state)
{
	(void)state;
	net_test_run(2, workers_body);
}

/* --- implicit TLS --------------------------------------------------------------------- */

static struct test_authority authority;
static struct test_certificate certificate;

static void tls_body(struct net_test *t)
{
	enum { LINES = 5000 };
	const struct tls_certificate_files files = test_files(&certificate);
	struct echo_log log = { 0 };
	struct tls_server *server = NULL;
	struct tls_client *client = NULL;
	struct service *s;
	struct conn *c;
	struct slice line;
	char *why = NULL;
	bool fine = true;

	(void)t;
	CHECK(tls_server_new(&files, 1, &server, &why) == 0);
	CHECK(tls_client_new(TLS_VERIFY_NAME, authority.path, &client, &why) == 0);
	s = serve("[::1]:0", &log,
	          &(struct service_config){
			  .tls = server, .implicit_tls = true, .handshake_ms = 100 });
	c = dial("::1", service_port(s));
	CHECK(conn_tls_connect(c, client, "tls.test", SOON, NULL) == 0);
	CHECK(hears(c, "220 hello"));
	say(c, "a\r\n");
	CHECK(hears(c, "250 a 1"));
	/* Several records at once: what OpenSSL holds back makes the socket readable no more. */
	for (int i = 0; i < LINES; i++)
		CHECK(conn_write(c, SLICE("NOOP\r\n"), SOON) == 0);
	CHECK(conn_flush(c, SOON) == 0);
	for (int i = 0; i < LINES && fine; i++)
		fine = conn_read_line(c, 512, &line, NULL, SOON) == 1;
	CHECK(fine);
	say(c, "QUIT\r\n");
	CHECK(hears(c, "221 bye"));
	CHECK(hears_end(c));
	conn_close(c);
	/* One who does not handshake, and one who does it wrong, get nothing. */
	c = dial("::1", service_port(s));
	CHECK(hears_end(c));
	conn_close(c);
	c = dial("::1", service_port(s));
	say(c, "EHLO in.clear\r\n");
	while (conn_fill(c, SOON) == 1)
		continue;
	conn_close(c);
	finish(s);
	CHECK(log.opened == 1 && log.closed == 1);
	tls_client_free(client);
	tls_server_free(server);
}

static void implicit_tls(void **state)
{
	(void)state;
	test_authority_make(&authority);
	certificate = test_certificate_make(&authority, "tls", "DNS:tls.test", NULL);
	net_test_run(1, tls_body);
	net_test_run(2, tls_body);
	test_certificate_remove(&certificate);
	test_authority_remove(&authority);
}

/* --- stopping ------------------------------------------------------------------------ */

static void stop_body(struct net_test *t)
{
	struct echo_log log = { 0 };
	struct service *s = serve("127.0.0.1:0", &log, &(struct service_config){ 0 });
	struct conn *c = dial("127.0.0.1", service_port(s));
	struct conn *late = NULL;
	struct net_address to;

	(void)t;
	CHECK(hears(c, "220 hello"));
	service_stop(s);
	/* Sessions go on; new ones are not taken. */
	say(c, "x\r\n");
	CHECK(hears(c, "250 x 1"));
	CHECK(net_address_parse(SLICE("127.0.0.1"), service_port(s), &to) == 0);
	for (int i = 0; i < 1000 && !late; i++) {
		if (conn_connect(&to, NULL, SOON, &late) == -ECONNREFUSED)
			break;
		conn_close(late);
		late = NULL;
		(void)fiber_sleep(deadline_in(1));
	}
	CHECK(conn_connect(&to, NULL, SOON, &late) == -ECONNREFUSED);
	runtime_stop(5000);
	/* The first wait is cancelled; then there is the grace. */
	(void)fiber_sleep(deadline_in(1));
	CHECK(hears(c, "421 stopping"));
	CHECK(hears_end(c));
	conn_close(c);
	finish(s);
	CHECK(log.opened == log.closed);
}

static void stop(void **state)
{
	(void)state;
	net_test_run(2, stop_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talk),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(fairness),
		cmocka_unit_test(idle),
		cmocka_unit_test(notices),
		cmocka_unit_test(limits),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(unix_socket),
		cmocka_unit_test(stale_unix_socket),
		cmocka_unit_test(port_is_taken),
		cmocka_unit_test(every_worker_accepts),
		cmocka_unit_test(implicit_tls),
		cmocka_unit_test(stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
