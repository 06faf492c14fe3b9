/* A remote that takes each step just in time, and its deadline. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/smtp_client.h"
#include "fiber/fiber.h"

#define WAIT_MS 20000

enum { RECIPIENTS = 50, BODY_BYTES = 32 << 20 };

struct remote {
	int listener;
	uint16_t port;
	int64_t reply_after_ms; /* each RCPT */
	int64_t read_every_ms;  /* a block of the message; 0: at once */
	bool chunking;
	size_t message_bytes;
	bool ended; /* the message came to its end */
};

struct trial {
	struct remote remote;
	struct smtp_timeouts timeouts;
	bool no_pipelining, is_broken;
	size_t body_bytes;
	/* out */
	int rc;
	struct smtp_outcome outcome;
	int64_t took_ms;
};

/* --- the remote ------------------------------------------------------------------------- */

static void read_message(struct remote *r, struct conn *c)
{
	bool at_end = false;
	while (!at_end) {
		if (r->read_every_ms > 0)
			fiber_sleep(deadline_in(r->read_every_ms));
		if (conn_fill(c, deadline_in(WAIT_MS)) <= 0)
			return;
		struct slice bytes = conn_buffered(c);
		r->message_bytes += bytes.len;
		at_end = slice_find(bytes, SLICE("\r\n.\r\n")) >= 0;
		conn_consume(c, bytes.len);
	}
	r->ended = true;
}

/* "BDAT 1000 LAST": as many bytes. */
static void read_chunk(struct remote *r, struct conn *c, struct slice line)
{
	uint64_t size;
	assert_true(slice_to_u64(slice_sub(line, 5, line.len - 10), &size));
	do { /* some may have come with the line */
		size_t len = conn_buffered(c).len;
		r->message_bytes += len;
		conn_consume(c, len);
	} while (r->message_bytes < size && conn_fill(c, deadline_in(WAIT_MS)) > 0);
	r->ended = r->message_bytes == size;
}

static bool answer(struct remote *r, struct conn *c, struct slice line)
{
	const char *reply = "250 2.0.0 fine";
	if (slice_starts_with(line, SLICE("RCPT")))
		fiber_sleep(deadline_in(r->reply_after_ms));
	else if (slice_starts_with(line, SLICE("EHLO")))
		reply = r->chunking ? "250-remote.test\r\n250-8BITMIME\r\n250 CHUNKING"
		                    : "250-remote.test\r\n250 PIPELINING";
	else if (slice_starts_with(line, SLICE("DATA")))
		reply = "354 go on";
	else if (slice_starts_with(line, SLICE("BDAT")))
		read_chunk(r, c, line);
	bool is_data = reply[0] == '3';
	if (conn_printf(c, deadline_in(WAIT_MS), "%s\r\n", reply) < 0 ||
	    conn_flush(c, deadline_in(WAIT_MS)) < 0)
		return false;
	if (!is_data)
		return true;
	read_message(r, c);
	return conn_printf(c, deadline_in(WAIT_MS), "250 2.0.0 taken\r\n") == 0 &&
	       conn_flush(c, deadline_in(WAIT_MS)) == 0;
}

static void serve(void *arg)
{
	struct remote *r = arg;
	struct net_address peer = { .len = 0 };
	struct slice line;
	struct conn *c;
	if (fiber_wait_fd(r->listener, FIBER_READ, deadline_in(WAIT_MS)) != 0)
		return;
	int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 || conn_new(fd, &peer, &c) < 0)
		return;
	bool on = conn_printf(c, deadline_in(WAIT_MS), "220 remote.test\r\n") == 0 &&
	          conn_flush(c, deadline_in(WAIT_MS)) == 0;
	while (on && conn_read_line(c, 2000, &line, NULL, deadline_in(WAIT_MS)) == 1)
		on = answer(r, c, line);
	conn_close(c);
}

static void remote_open(struct remote *r)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->listener, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(r->listener, 1), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&name, &len), 0);
	r->port = ntohs(name.sin_port);
}

/* --- us --------------------------------------------------------------------------------- */

static bool is_whole(const void *arg) { return !((const struct trial *)arg)->is_broken; }

static int send_one(struct trial *t, struct arena *arena, struct smtp_client *client)
{
	struct smtp_client_recipient *recipients = ARENA_ARRAY(arena, RECIPIENTS,
	                                                       struct smtp_client_recipient);
	char *body = arena_alloc(arena, t->body_bytes);
	memset(body, 'x', t->body_bytes);
	for (size_t at = 78; at + 1 < t->body_bytes; at += 80)
		memcpy(body + at, "\r\n", 2);
	struct slice part = slice_of(body, t->body_bytes);
	for (size_t i = 0; i < RECIPIENTS; i++)
		recipients[i].path = SLICE("bob@far.test");
	struct smtp_client_mail mail = {
		.by_chunks = t->remote.chunking,
		.is_whole = is_whole,
		.whole_arg = t,
		.reverse_path = SLICE("alice@example.test"),
		.recipients = recipients,
		.recipient_count = RECIPIENTS,
		.parts = &part,
		.part_count = 1,
	};
	return smtp_client_send(client, &mail, arena, &t->outcome);
}

static void run(void *arg)
{
	struct trial *t = arg;
	struct arena *arena = arena_new();
	struct smtp_client *client = NULL;
	struct net_address to;
	struct smtp_client_config config = { .helo = "mx.example.test",
		                             .tls = TLS_RULE_NONE,
		                             .no_pipelining = t->no_pipelining,
		                             .timeouts = t->timeouts };
	fiber_id remote = fiber_start(-1, "remote", serve, &t->remote);
	t->rc = net_address_parse(SLICE("127.0.0.1"), t->remote.port, &to);
	if (t->rc == 0)
		t->rc = smtp_client_open(&config, &to, "remote.test", arena, &client, &t->outcome);
	int64_t began_ms = clock_monotonic_ms();
	if (t->rc == 0)
		t->rc = send_one(t, arena, client);
	t->took_ms = clock_monotonic_ms() - began_ms;
	t->outcome.text = SLICE_EMPTY;
	smtp_client_close(client);
	fiber_join(remote, deadline_in(WAIT_MS));
	arena_free(arena);
	runtime_stop(0);
}

static void try(struct trial *t)
{
	const struct runtime_config config = { .workers = 1 };
	remote_open(&t->remote);
	t->timeouts.connect_ms = t->timeouts.command_ms = WAIT_MS;
	t->timeouts.block_ms = t->timeouts.data_end_ms = WAIT_MS;
	assert_int_equal(runtime_run(&config, run, t), 0);
	close(t->remote.listener);
}

/* --- tests ------------------------------------------------------------------------------ */

static void expect_given_up(const struct trial *t, enum smtp_stage stage)
{
	assert_int_equal(t->rc, -ETIMEDOUT);
	assert_int_equal(t->outcome.verdict, SMTP_TEMPORARY);
	assert_int_equal(t->outcome.stage, stage);
	assert_in_range(t->took_ms, 300, WAIT_MS / 2);
}

static void recipients_one_by_one(void **state)
{
	(void)state;
	for (int pipelined = 0; pipelined < 2; pipelined++) {
		struct trial t = { .remote.reply_after_ms = 2 * WAIT_MS / RECIPIENTS,
			           .timeouts.message_ms = 300,
			           .no_pipelining = !pipelined,
			           .body_bytes = 1000 };
		try(&t);
		expect_given_up(&t, SMTP_STAGE_RCPT);
	}
}

static void a_block_at_a_time(void **state)
{
	(void)state;
	struct trial t = { .remote.read_every_ms = 20,
		           .timeouts = { .message_ms = 300, .min_data_rate = 1000000000 },
		           .body_bytes = BODY_BYTES };
	try(&t);
	expect_given_up(&t, SMTP_STAGE_DATA);
	assert_true(t.remote.message_bytes < BODY_BYTES);
}

/* The same time for the envelope, and enough for the bytes. */
static void a_large_message_has_its_time(void **state)
{
	(void)state;
	struct trial t = { .timeouts = { .message_ms = 1, .min_data_rate = BODY_BYTES / 10 },
		           .body_bytes = BODY_BYTES };
	try(&t);
	assert_int_equal(t.rc, 0);
	assert_true(t.remote.message_bytes > BODY_BYTES);
}

/* What was lost while it was sent does not come to its end, whichever way it goes. */
static void a_broken_message_is_not_ended(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct trial t = { .remote.chunking = i / 2,
			           .is_broken = i % 2,
			           .body_bytes = 8000 };
		try(&t);
		assert_int_equal(t.rc, t.is_broken ? -EIO : 0);
		assert_int_equal(t.outcome.verdict, t.is_broken ? SMTP_TEMPORARY : SMTP_OK);
		assert_int_equal(t.remote.ended, !t.is_broken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_one_by_one),
		cmocka_unit_test(a_block_at_a_time),
		cmocka_unit_test(a_large_message_has_its_time),
		cmocka_unit_test(a_broken_message_is_not_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
