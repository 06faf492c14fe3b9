/* The least that can be a service: a server that answers each line with a line, so that the cost
 * of the runtime alone can be measured (idle.c, roundtrip.c).
 *
 *     line_server ADDRESS [ADDRESS-OF-TLS CHAIN KEY] [--workers=N] */
#include <signal.h>

#include "bench_client.h"
#include "fiber/fiber.h"
#include "net/service.h"

#define USAGE "line_server ADDRESS [ADDRESS-OF-TLS CHAIN KEY] [--workers=N]"

static enum session_verdict line_open(struct session *s)
{
	return conn_write(s->conn, SLICE("220 ready\r\n"), deadline_in(s->idle_ms)) == 0
	               ? SESSION_CONTINUE
	               : SESSION_END;
}

static enum session_verdict line_step(struct session *s, enum session_event event)
{
	int64_t deadline = deadline_in(s->idle_ms);
	struct slice line;

	if (event != SESSION_INPUT || conn_read_line(s->conn, 1000, &line, NULL, deadline) != 1)
		return SESSION_END;
	return conn_write(s->conn, SLICE("250 OK\r\n"), deadline) == 0 ? SESSION_CONTINUE
	                                                               : SESSION_END;
}

static void line_close(struct session *s) { (void)s; }

static const struct protocol line_protocol = {
	.name = "line",
	.session_size = sizeof(struct session),
	.open = line_open,
	.step = line_step,
	.close = line_close,
};

static struct service *listen_on(const char *address, struct tls_server *tls)
{
	struct service_config config = {
		.protocol = &line_protocol,
		.name = "line",
		.address = bench_address(address),
		.tls = tls,
		.implicit_tls = tls != NULL,
		.idle_ms = 3600 * 1000,
	};
	struct service *s;

	if (service_listen(&config, &s) < 0)
		bench_die(address);
	return s;
}

struct listeners {
	struct service *plain;
	struct service *tls;
};

static void first(void *arg)
{
	struct listeners *l = arg;

	service_start(l->plain);
	if (l->tls)
		service_start(l->tls);
	printf("ready\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *address = bench_argument(argc, argv, 0, USAGE);
	uint64_t workers = bench_number(bench_option(argc, argv, "workers", "0"));
	struct runtime_config runtime = { .workers = (int)workers };
	struct listeners l = { .plain = listen_on(address, NULL) };
	char *why;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 4) {
		struct tls_certificate_files files = {
			.chain_path = bench_argument(argc, argv, 2, USAGE),
			.key_path = bench_argument(argc, argv, 3, USAGE),
		};
		struct tls_server *tls;

		if (tls_server_new(&files, 1, &tls, &why) < 0)
			bench_die(why);
		l.tls = listen_on(bench_argument(argc, argv, 1, USAGE), tls);
	}
	return runtime_run(&runtime, first, &l) < 0;
}
