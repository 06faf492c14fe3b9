#include "net/net_test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"

/* A connection, and the other end of its socket pair. */
struct pair {
	struct conn *conn;
	int peer;
};

static struct pair pair_new(void)
{
	struct net_address nobody = { .any.sa_family = AF_UNIX };
	struct pair p = { 0 };
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(conn_new(fds[0], &nobody, &p.conn) == 0);
	p.peer = fds[1];
	return p;
}

static void pair_close(struct pair *p)
{
	conn_close(p->conn);
	if (p->peer >= 0)
		close(p->peer);
}

static void feed(struct pair *p, const char *text)
{
	size_t len = strlen(text);

	CHECK(send(p->peer, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

/* --- lines --------------------------------------------------------------------------- */

static void lines_body(struct net_test *t)
{
	struct pair p = pair_new();
	struct slice line;
	enum line_end end;

	(void)t;
	feed(&p, "EHLO a\r\nbare\n\r\n\ra\rb\r\nlast");
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 1);
	CHECK_TEXT(line, "EHLO a");
	CHECK(end == LINE_CRLF);
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 1);
	CHECK_TEXT(line, "bare");
	CHECK(end == LINE_LF);
	CHECK(conn_read_line(p.conn, 512, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "");
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 1);
	CHECK_TEXT(line, "\ra\rb");
	CHECK_TEXT(conn_buffered(p.conn), "last");
	CHECK(conn_read_line(p.conn, 512, &line, &end, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, " one\r");
	CHECK(conn_read_line(p.conn, 512, &line, &end, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, "\n");
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 1);
	CHECK_TEXT(line, "last one");
	feed(&p, "unfinished");
	close(p.peer);
	p.peer = -1;
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 0);
	CHECK(conn_read_line(p.conn, 512, &line, &end, SOON) == 0);
	pair_close(&p);
}

static void lines(void **state)
{
	(void)state;
	net_test_run(1, lines_body);
}

static void long_lines_body(struct net_test *t)
{
	struct pair p = pair_new();
	struct slice line;

	(void)t;
	feed(&p, "12345\r\n123456\r\n123456\n12345\nnext\r\n");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "12345");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "12345");
	/* The end comes late: the rest of the line is no line. */
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == 1);
	feed(&p, "0123456789");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, "MAIL FROM:<>\r\nshort\r\n");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_skipped_ends_with(p.conn, SLICE(">")));
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "short");
	/* What it ended with, in whatever pieces that came. */
	feed(&p, "123456+");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, "}\r");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, "\n123456+}\n123456}\r\n");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_skipped_ends_with(p.conn, SLICE("+}")));
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_skipped_ends_with(p.conn, SLICE("+}")));
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(!conn_skipped_ends_with(p.conn, SLICE("+}")));
	/* A carriage return that may belong to the end is not too long yet. */
	feed(&p, "12345\r");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, deadline_in(10)) == -ETIMEDOUT);
	feed(&p, "\n");
	CHECK(conn_read_line(p.conn, 5, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "12345");
	pair_close(&p);
}

static void long_lines(void **state)
{
	(void)state;
	net_test_run(1, long_lines_body);
}

/* A line larger than the buffer, and one that just fits. */
static void writes_long_line(void *arg)
{
	struct conn *c = arg;
	static char text[2 * CONN_BUFFER_MAX];

	memset(text, 'x', sizeof(text));
	CHECK(conn_write(c, slice_of(text, sizeof(text)), SOON) == 0);
	CHECK(conn_write(c, SLICE("\r\n"), SOON) == 0);
	CHECK(conn_write(c, slice_of(text, CONN_BUFFER_MAX - 2), SOON) == 0);
	CHECK(conn_write(c, SLICE("\r\nlast\r\n"), SOON) == 0);
	CHECK(conn_flush(c, SOON) == 0);
}

static void full_buffer_body(struct net_test *t)
{
	struct pair p = pair_new();
	struct net_address nobody = { .any.sa_family = AF_UNIX };
	struct conn *other = NULL;
	struct slice line;
	fiber_id writer;

	(void)t;
	CHECK(conn_new(p.peer, &nobody, &other) == 0);
	p.peer = -1;
	writer = fiber_start(-1, "writer", writes_long_line, other);
	CHECK(conn_read_line(p.conn, SIZE_MAX, &line, NULL, SOON) == -EMSGSIZE);
	CHECK(conn_read_line(p.conn, SIZE_MAX, &line, NULL, SOON) == 1);
	CHECK(line.len == CONN_BUFFER_MAX - 2);
	CHECK(conn_read_line(p.conn, 10, &line, NULL, SOON) == 1);
	CHECK_TEXT(line, "last");
	CHECK(fiber_join(writer, SOON) == 0);
	conn_close(other);
	pair_close(&p);
}

static void full_buffer(void **state)
{
	(void)state;
	net_test_run(1, full_buffer_body);
}

/* --- buffers ------------------------------------------------------------------------- */

static void buffers_body(struct net_test *t)
{
	struct pair p = pair_new();

	(void)t;
	CHECK(conn_buffered(p.conn).len == 0);
	feed(&p, "abc");
	CHECK(conn_fill(p.conn, SOON) == 1);
	feed(&p, "def");
	CHECK(conn_fill(p.conn, SOON) == 1);
	CHECK_TEXT(conn_buffered(p.conn), "abcdef");
	conn_consume(p.conn, 4);
	CHECK_TEXT(conn_buffered(p.conn), "ef");
	conn_rest(p.conn);
	CHECK_TEXT(conn_buffered(p.conn), "ef");
	conn_consume(p.conn, 99);
	CHECK(conn_buffered(p.conn).len == 0);
	CHECK(p.conn->in != NULL);
	conn_rest(p.conn);
	CHECK(p.conn->in == NULL);
	feed(&p, "STARTTLS\r\nMAIL FROM:<smuggled@example.test>\r\n");
	CHECK(conn_fill(p.conn, SOON) == 1);
	conn_discard(p.conn);
	CHECK(conn_buffered(p.conn).len == 0);
	CHECK(conn_fill(p.conn, deadline_in(5)) == -ETIMEDOUT);
	CHECK(p.conn->in == NULL);
	CHECK(conn_try_fill(p.conn) == -EAGAIN);
	pair_close(&p);
}

static void buffers(void **state)
{
	(void)state;
	net_test_run(1, buffers_body);
}

static void fill_until_full_body(struct net_test *t)
{
	static char block[4096];
	struct pair p = pair_new();
	int rc;

	(void)t;
	memset(block, 'y', sizeof(block));
	for (int i = 0; i < CONN_BUFFER_MAX / 4096; i++) {
		CHECK(send(p.peer, block, sizeof(block), MSG_NOSIGNAL) == sizeof(block));
		rc = conn_fill(p.conn, SOON);
		CHECK(rc == 1);
	}
	CHECK(conn_buffered(p.conn).len == CONN_BUFFER_MAX);
	feed(&p, "more");
	CHECK(conn_fill(p.conn, SOON) == -ENOBUFS);
	/* What was consumed makes room again. */
	conn_consume(p.conn, CONN_BUFFER_MAX - 2);
	CHECK(conn_fill(p.conn, SOON) == 1);
	CHECK_TEXT(conn_buffered(p.conn), "yymore");
	pair_close(&p);
}

static void fill_until_full(void **state)
{
	(void)state;
	net_test_run(1, fill_until_full_body);
}

/* --- writing ------------------------------------------------------------------------- */

static void writes_are_collected_body(struct net_test *t)
{
	struct pair p = pair_new();
	char got[64];

	(void)t;
	CHECK(conn_write(p.conn, SLICE("250-one\r\n"), SOON) == 0);
	CHECK(conn_printf(p.conn, SOON, "250 %s %d\r\n", "two", 2) == 0);
	CHECK(recv(p.peer, got, sizeof(got), 0) == -1 && errno == EAGAIN);
	CHECK(conn_flush(p.conn, SOON) == 0);
	CHECK(recv(p.peer, got, sizeof(got), 0) == 20);
	CHECK_TEXT(slice_of(got, 20), "250-one\r\n250 two 2\r\n");
	CHECK(p.conn->out == NULL);
	CHECK(conn_flush(p.conn, SOON) == 0);
	/* Closing tries once what was not flushed. */
	CHECK(conn_write(p.conn, SLICE("221 bye\r\n"), SOON) == 0);
	conn_close(p.conn);
	CHECK(recv(p.peer, got, sizeof(got), 0) == 9);
	CHECK(recv(p.peer, got, sizeof(got), 0) == 0);
	close(p.peer);
}

static void writes_are_collected(void **state)
{
	(void)state;
	net_test_run(1, writes_are_collected_body);
}

enum { BULK = 1000 * 1000 };

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
	conn_close(c);
}

static void bulk_body(struct net_test *t)
{
	struct pair p = pair_new();
	struct net_address nobody = { .any.sa_family = AF_UNIX };
	struct conn *reader = NULL;
	size_t at = 0;
	bool same = true;

	(void)t;
	CHECK(conn_new(p.peer, &nobody, &reader) == 0);
	fiber_start(-1, "writer", writes_bulk, p.conn);
	while (conn_fill(reader, SOON) == 1) {
		struct slice got = conn_buffered(reader);

		for (size_t i = 0; i < got.len; i++)
			same = same && got.data[i] == (char)((at + i) % 251);
		at += got.len;
		conn_consume(reader, got.len);
	}
	CHECK(at == BULK);
	CHECK(same);
	conn_close(reader);
}

static void bulk(void **state)
{
	(void)state;
	net_test_run(1, bulk_body);
}

static void printf_limits_body(struct net_test *t)
{
	static char text[CONN_BUFFER_MAX + 1];
	struct pair p = pair_new();

	(void)t;
	memset(text, 'z', sizeof(text) - 1);
	CHECK(conn_printf(p.conn, deadline_in(50), "%s", text) == -ENOBUFS);
	CHECK(conn_printf(p.conn, SOON, "%s", text + 2) == 0);
	CHECK(p.conn->out_end == CONN_BUFFER_MAX - 2);
	/* It does not fit behind the first: that is sent. */
	CHECK(conn_printf(p.conn, SOON, "%s", text + CONN_BUFFER_MAX - 100) == 0);
	CHECK(p.conn->out_end == 100);
	pair_close(&p);
}

static void printf_limits(void **state)
{
	(void)state;
	net_test_run(1, printf_limits_body);
}

static void slow_reader_body(struct net_test *t)
{
	static char block[CONN_BUFFER_MAX];
	struct pair p = pair_new();
	int rc = 0;

	(void)t;
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = conn_write(p.conn, slice_of(block, sizeof(block)), deadline_in(20));
	CHECK(rc == -ETIMEDOUT);
	/* Part of the last block is gone: nothing may follow it. */
	CHECK(conn_write(p.conn, SLICE("x"), SOON) == -ETIMEDOUT);
	pair_close(&p);
}

static void slow_reader(void **state)
{
	(void)state;
	net_test_run(1, slow_reader_body);
}

static void peer_is_gone_body(struct net_test *t)
{
	struct pair p = pair_new();
	int rc;

	(void)t;
	close(p.peer);
	p.peer = -1;
	CHECK(conn_write(p.conn, SLICE("x"), SOON) == 0);
	rc = conn_flush(p.conn, SOON);
	CHECK(rc == -EPIPE);
	CHECK(conn_write(p.conn, SLICE("x"), SOON) == -EPIPE);
	CHECK(conn_fill(p.conn, SOON) == -EPIPE);
	pair_close(&p);
}

static void peer_is_gone(void **state)
{
	(void)state;
	net_test_run(1, peer_is_gone_body);
}

/* --- connecting ---------------------------------------------------------------------- */

static void connect_body(struct net_test *t)
{
	struct net_address here = { .len = sizeof(here.v4) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct net_address from;
	struct conn *c = NULL;

	(void)t;
	CHECK(net_address_parse(SLICE("127.0.0.1:0"), 0, &here) == 0);
	CHECK(net_address_parse(SLICE("127.0.0.2"), 0, &from) == 0);
	CHECK(bind(listener, &here.any, here.len) == 0);
	CHECK(getsockname(listener, &here.any, &here.len) == 0);
	CHECK(conn_connect(&here, NULL, SOON, &c) == -ECONNREFUSED);
	CHECK(listen(listener, 5) == 0);
	CHECK(conn_connect(&here, &from, SOON, &c) == 0);
	CHECK(net_address_same_host(conn_local(c), &from));
	CHECK(net_address_port(conn_local(c)) != 0);
	CHECK(net_address_port(conn_peer(c)) == net_address_port(&here));
	CHECK(!conn_is_tls(c));
	CHECK(conn_tls_info(c).protocol == NULL);
	conn_close(c);
	close(listener);
	CHECK(net_address_parse(SLICE("unix:/nonexistent/socket"), 0, &here) == 0);
	CHECK(conn_connect(&here, NULL, SOON, &c) == -ENOENT);
}

static void connects(void **state)
{
	(void)state;
	net_test_run(1, connect_body);
}

/* --- cancelling ---------------------------------------------------------------------- */

static void waits_for_input(void *arg)
{
	struct pair *p = arg;
	struct slice line;
	char got[8];

	CHECK(conn_read_line(p->conn, 100, &line, NULL, DEADLINE_NEVER) == -ECANCELED);
	CHECK(conn_write(p->conn, SLICE("421\r\n"), SOON) == 0);
	CHECK(conn_flush(p->conn, SOON) == 0);
	CHECK(recv(p->peer, got, sizeof(got), 0) == 5);
}

static void cancel_body(struct net_test *t)
{
	struct pair p = pair_new();
	fiber_id waiting = fiber_start(-1, "waiting", waits_for_input, &p);

	(void)t;
	fiber_yield();
	fiber_cancel(waiting);
	CHECK(fiber_join(waiting, SOON) == 0);
	pair_close(&p);
}

static void cancel(void **state)
{
	(void)state;
	net_test_run(1, cancel_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(full_buffer),
		cmocka_unit_test(buffers),
		cmocka_unit_test(fill_until_full),
		cmocka_unit_test(writes_are_collected),
		cmocka_unit_test(bulk),
		cmocka_unit_test(printf_limits),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(peer_is_gone),
		cmocka_unit_test(connects),
		cmocka_unit_test(cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
