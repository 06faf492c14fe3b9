/* veredus bench sink: an SMTP server that takes everything and keeps nothing, for measuring those
 * who send. It does no more than that takes. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cursor.h"
#include "cli/bench.h"
#include "fiber/fiber.h"
#include "net/service.h"

#define LINE_MAX_BYTES 4096
#define IDLE_MS        (5 * 60 * 1000)
/* What may precede the end of the data in the buffer: CR LF "." CR. */
#define END_CONTEXT 4

struct sink {
	struct service *service;
	atomic_llong messages;
	int64_t most; /* then it ends; 0: never */
	fiber_id main;
	int signals;
};

struct sink_session {
	struct session base;
	struct sink *sink;
	bool in_data;
	bool at_start; /* of the data: the dot may come first */
};

/* Behind CRLF.CRLF in bytes, or -1. */
static ptrdiff_t find_end(struct slice bytes, bool at_start)
{
	if (at_start && slice_starts_with(bytes, SLICE(".\r\n")))
		return 3;
	size_t from = 0;
	for (;;) {
		ptrdiff_t dot = slice_find_byte(slice_from(bytes, from), '.');
		if (dot < 0)
			return -1;
		size_t at = from + (size_t)dot;
		if (at >= 2 && slice_equal(slice_sub(bytes, at - 2, 5), SLICE("\r\n.\r\n")))
			return (ptrdiff_t)at + 3;
		from = at + 1;
	}
}

static enum session_verdict say(struct sink_session *s, struct slice text)
{
	int rc = conn_write(s->base.conn, text, deadline_in(IDLE_MS));
	return rc < 0 ? SESSION_END : SESSION_CONTINUE;
}

static enum session_verdict data_step(struct sink_session *s)
{
	struct conn *c = s->base.conn;
	struct slice bytes = conn_buffered(c);
	ptrdiff_t end = find_end(bytes, s->at_start);
	if (end < 0 && bytes.len > END_CONTEXT) {
		conn_consume(c, bytes.len - END_CONTEXT);
		s->at_start = false;
	}
	if (end < 0)
		return conn_fill(c, deadline_in(IDLE_MS)) > 0 ? SESSION_CONTINUE : SESSION_END;
	conn_consume(c, (size_t)end);
	s->in_data = false;
	int64_t count = atomic_fetch_add(&s->sink->messages, 1) + 1;
	if (count == s->sink->most)
		fiber_wake(s->sink->main);
	return say(s, SLICE("250 2.0.0 taken\r\n"));
}

static enum session_verdict command(struct sink_session *s, struct slice line)
{
	struct slice verb = slice_sub(line, 0, 4);
	if (slice_equal_nocase(verb, SLICE("DATA"))) {
		s->in_data = s->at_start = true;
		return say(s, SLICE("354 go on\r\n"));
	}
	if (slice_equal_nocase(verb, SLICE("EHLO")))
		return say(s, SLICE("250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n"
		                    "250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"));
	if (slice_equal_nocase(verb, SLICE("QUIT"))) {
		say(s, SLICE("221 2.0.0 bye\r\n"));
		return SESSION_END;
	}
	return say(s, SLICE("250 2.0.0 ok\r\n"));
}

static enum session_verdict sink_open(struct session *session)
{
	struct sink_session *s = (struct sink_session *)session;
	s->sink = service_context(session->service);
	return say(s, SLICE("220 sink.test ESMTP\r\n"));
}

static enum session_verdict sink_step(struct session *session, enum session_event event)
{
	struct sink_session *s = (struct sink_session *)session;
	struct slice line;
	if (event != SESSION_INPUT)
		return SESSION_END;
	if (s->in_data)
		return data_step(s);
	int rc = conn_read_line(session->conn, LINE_MAX_BYTES, &line, NULL, deadline_in(IDLE_MS));
	return rc > 0 ? command(s, line) : SESSION_END;
}

static void sink_close(struct session *session) { (void)session; }

static const struct protocol sink_protocol = {
	.name = "sink",
	.session_size = sizeof(struct sink_session),
	.open = sink_open,
	.step = sink_step,
	.close = sink_close,
};

/* Until a signal, or until so many messages came. */
static void serve(void *arg)
{
	struct sink *s = arg;
	s->main = fiber_self();
	service_start(s->service);
	printf("listening on port %u\n", service_port(s->service));
	fflush(stdout);
	int rc = -ETIMEDOUT;
	while (rc == -ETIMEDOUT && (s->most == 0 || atomic_load(&s->messages) < s->most))
		rc = fiber_wait_fd(s->signals, FIBER_READ,
		                   s->most > 0 ? deadline_in(20) : DEADLINE_NEVER);
	service_stop(s->service);
	runtime_stop(1000);
}

int bench_sink(struct cli *cli)
{
	struct sink s = { .most = 0 };
	struct service_config config = {
		.protocol = &sink_protocol, .name = "sink", .idle_ms = IDLE_MS, .context = &s
	};
	int64_t workers;
	const char *address = cli_text(cli, "listen") ? cli_text(cli, "listen") : "127.0.0.1:2525";
	sigset_t signals;
	if (!cli_number(cli, "messages", 0, INT64_MAX, 0, &s.most) ||
	    !cli_number(cli, "workers", 1, 256, 1, &workers))
		return CLI_USAGE;
	if (net_address_parse(slice_from_str(address), 2525, &config.address) < 0)
		return cli_usage(cli, "--listen is an address with a port");
	config.workers = (unsigned)workers;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	s.signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	int rc = service_listen(&config, &s.service);
	if (rc < 0)
		return cli_fail("%s: %s", address, strerrordesc_np(-rc));
	const struct runtime_config runtime = { .workers = (int)workers };
	rc = runtime_run(&runtime, serve, &s);
	service_free(s.service);
	close(s.signals);
	long long messages = atomic_load(&s.messages);
	printf("%lld messages, %.1f us of CPU each\n", messages,
	       messages > 0 ? (double)bench_cpu_us() / (double)messages : 0.0);
	return rc < 0 ? cli_fail("the runtime does not start: %s", strerrordesc_np(-rc)) : CLI_OK;
}
