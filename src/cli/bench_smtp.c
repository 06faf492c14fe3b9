/* veredus bench smtp: sessions that send messages to a server as fast as it takes them. */
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>

#include "base/codec.h"
#include "cli/bench.h"
#include "client/client_route.h"
#include "fiber/fiber.h"

#define ERRORS_KEPT    8
#define LINE_BYTES     76
#define TIMEOUT_MS     60000
#define SESSIONS_MAX   100000
#define SIZE_MAX_BYTES (1LL << 30)

struct load {
	struct client_hop *hops;
	size_t hop_count;
	struct smtp_client_config client;
	const char *from, *to;
	int64_t sessions, messages, seconds, size, recipients, users, workers;
	bool reuse;
	struct slice body; /* stuffed, with its end */
	uint64_t run_id;
	/* While it runs. */
	atomic_llong next_message;
	int64_t end_ns; /* of --seconds; INT64_MAX: none */
};

struct failure {
	char text[200];
	uint64_t count;
};

struct stats {
	struct bench_histogram latency, connect;
	uint64_t messages, recipients, connects, errors;
	struct failure failures[ERRORS_KEPT];
};

struct session {
	struct load *load;
	struct stats *stats; /* of its worker */
	struct arena *arena; /* of the connection */
	struct arena *message_arena;
	struct smtp_client *client;
	struct smtp_client_recipient *recipients;
	fiber_id fiber;
	int worker;
};

struct run {
	struct load *load;
	struct stats *stats; /* one a worker */
	struct session *sessions;
	int64_t began_ns, ended_ns, cpu_us;
	int status;
};

/* --- what is sent ----------------------------------------------------------------------- */

/* The text with each "%d" replaced by the number. */
static struct slice numbered(struct arena *arena, const char *pattern, int64_t number)
{
	struct slice rest = slice_from_str(pattern);
	ptrdiff_t at = slice_find(rest, SLICE("%d"));
	if (at < 0)
		return rest;
	return slice_from_str(arena_printf(arena, "%.*s%lld%.*s", (int)at, rest.data,
	                                   (long long)number,
	                                   SLICE_ARG(slice_from(rest, (size_t)at + 2))));
}

/* Lines of letters up to about the size, and the dot. */
static struct slice make_body(struct arena *arena, int64_t size)
{
	static const char head[] = "Subject: bench\r\nFrom: bench <bench@client.test>\r\n"
				   "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n";
	size_t len = (size_t)size > sizeof(head) ? (size_t)size : sizeof(head);
	char *out = arena_alloc(arena, len + LINE_BYTES + 8);
	size_t at = sizeof(head) - 1;
	memcpy(out, head, at);
	while (at < len) {
		for (size_t i = 0; i < LINE_BYTES; i++)
			out[at + i] = (char)('a' + (at * 7 + i) % 26);
		memcpy(out + at + LINE_BYTES, "\r\n", 2);
		at += LINE_BYTES + 2;
		if (at + LINE_BYTES / 2 > len)
			break;
	}
	memcpy(out + at, ".\r\n", 3);
	return slice_of(out, at + 3);
}

/* --- a session -------------------------------------------------------------------------- */

static void note_failure(struct stats *s, const struct smtp_outcome *o)
{
	s->errors++;
	for (size_t i = 0; i < ERRORS_KEPT; i++) {
		struct failure *f = &s->failures[i];
		if (f->count > 0 &&
		    !slice_equal(slice_from_str(f->text), slice_sub(o->text, 0, 199)))
			continue;
		if (f->count == 0)
			snprintf(f->text, sizeof(f->text), "%.*s", SLICE_ARG(o->text));
		f->count++;
		return;
	}
}

static int connect_session(struct session *s)
{
	struct load *l = s->load;
	struct smtp_outcome outcome = { .verdict = SMTP_OK };
	int rc = -ENOENT;
	int64_t began = clock_monotonic_ns();
	arena_reset(s->arena);
	for (size_t i = 0; i < l->hop_count; i++) {
		rc = smtp_client_open(&l->client, &l->hops[i].address, l->hops[i].host, s->arena,
		                      &s->client, &outcome);
		if (rc == 0)
			break;
	}
	if (rc < 0) {
		note_failure(s->stats, &outcome);
		return rc;
	}
	s->stats->connects++;
	bench_histogram_add(&s->stats->connect, (uint64_t)(clock_monotonic_ns() - began));
	return 0;
}

static void fill_recipients(struct session *s, int64_t number)
{
	const struct load *l = s->load;
	for (int64_t i = 0; i < l->recipients; i++) {
		int64_t n = number * l->recipients + i;
		if (l->users > 0)
			n %= l->users;
		s->recipients[i] = (struct smtp_client_recipient){
			.path = numbered(s->message_arena, l->to, n)
		};
	}
}

static int send_message(struct session *s, int64_t number)
{
	const struct load *l = s->load;
	struct arena *a = s->message_arena;
	struct smtp_outcome outcome = { .verdict = SMTP_OK };
	arena_reset(a);
	fill_recipients(s, number);
	const char *id = arena_printf(a, "Message-ID: <%lld.%016llx@bench.client.test>\r\n",
	                              (long long)number, (unsigned long long)l->run_id);
	const struct slice parts[] = { slice_from_str(id), l->body };
	struct smtp_client_mail mail = { .reverse_path = numbered(a, l->from, number),
		                         .recipients = s->recipients,
		                         .recipient_count = (size_t)l->recipients,
		                         .size_bytes = parts[0].len + parts[1].len,
		                         .parts = parts,
		                         .part_count = 2,
		                         .is_stuffed = true };
	int64_t began = clock_monotonic_ns();
	int rc = smtp_client_send(s->client, &mail, a, &outcome);
	if (rc < 0) {
		note_failure(s->stats, &outcome);
		return rc;
	}
	bench_histogram_add(&s->stats->latency, (uint64_t)(clock_monotonic_ns() - began));
	s->stats->messages++;
	for (int64_t i = 0; i < l->recipients; i++)
		s->stats->recipients += s->recipients[i].outcome.verdict == SMTP_OK;
	return 0;
}

static bool take_number(struct load *l, int64_t *number)
{
	*number = atomic_fetch_add(&l->next_message, 1);
	return *number < l->messages && clock_monotonic_ns() < l->end_ns;
}

static void run_session(void *arg)
{
	struct session *s = arg;
	int64_t number;
	while (take_number(s->load, &number)) {
		/* A message whose connection fails counts as an error, and the next is tried. */
		if (!s->client && connect_session(s) < 0)
			continue;
		send_message(s, number);
		if (s->load->reuse && smtp_client_is_usable(s->client))
			continue;
		smtp_client_quit(s->client);
		s->client = NULL;
	}
	smtp_client_quit(s->client);
}

/* --- the whole -------------------------------------------------------------------------- */

static void start_session(struct run *r, struct session *s, int worker)
{
	*s = (struct session){ .load = r->load,
		               .stats = &r->stats[worker],
		               .arena = arena_new(),
		               .message_arena = arena_new(),
		               .worker = worker };
	s->recipients = mem_zero((size_t)r->load->recipients, sizeof(*s->recipients));
	s->fiber = fiber_start(worker, "bench session", run_session, s);
}

static void end_session(struct session *s)
{
	fiber_join(s->fiber, DEADLINE_NEVER);
	arena_free(s->arena);
	arena_free(s->message_arena);
	free(s->recipients);
}

static void run_all(void *arg)
{
	struct run *r = arg;
	struct load *l = r->load;
	int64_t cpu_us = bench_cpu_us();
	r->began_ns = clock_monotonic_ns();
	l->end_ns = l->seconds > 0 ? r->began_ns + l->seconds * 1000000000 : INT64_MAX;
	for (int64_t i = 0; i < l->sessions; i++)
		start_session(r, &r->sessions[i], (int)(i % runtime_workers()));
	for (int64_t i = 0; i < l->sessions; i++)
		end_session(&r->sessions[i]);
	r->ended_ns = clock_monotonic_ns();
	r->cpu_us = bench_cpu_us() - cpu_us;
	runtime_stop(0);
}

/* --- results ---------------------------------------------------------------------------- */

static void merge_failures(struct stats *into, const struct stats *from)
{
	for (size_t i = 0; i < ERRORS_KEPT && from->failures[i].count > 0; i++) {
		const struct failure *f = &from->failures[i];
		size_t at = 0;
		while (at < ERRORS_KEPT && into->failures[at].count > 0 &&
		       !slice_equal(slice_from_str(into->failures[at].text),
		                    slice_from_str(f->text)))
			at++;
		if (at == ERRORS_KEPT)
			continue;
		into->failures[at].count += f->count;
		memcpy(into->failures[at].text, f->text, sizeof(f->text));
	}
}

static void merge_stats(struct stats *into, const struct stats *from)
{
	bench_histogram_merge(&into->latency, &from->latency);
	bench_histogram_merge(&into->connect, &from->connect);
	into->messages += from->messages;
	into->recipients += from->recipients;
	into->connects += from->connects;
	into->errors += from->errors;
	merge_failures(into, from);
}

static json_t *percentiles(const struct bench_histogram *h)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "p50", bench_histogram_ms(h, 0.5), "p90",
	                 bench_histogram_ms(h, 0.9), "p99", bench_histogram_ms(h, 0.99), "max",
	                 (double)h->max_ns / 1e6);
}

static void print_json(const struct run *r, const struct stats *s, double seconds)
{
	json_t *failures = json_object();
	for (size_t i = 0; i < ERRORS_KEPT && s->failures[i].count > 0; i++)
		json_object_set_new(failures, s->failures[i].text,
		                    json_integer((json_int_t)s->failures[i].count));
	json_t *all = json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:o, s:o}", "messages",
	                        (json_int_t)s->messages, "recipients", (json_int_t)s->recipients,
	                        "connections", (json_int_t)s->connects, "errors",
	                        (json_int_t)s->errors, "seconds", seconds, "rate",
	                        (double)s->messages / seconds, "client_cpu_us",
	                        s->messages > 0 ? (double)r->cpu_us / (double)s->messages : 0.0,
	                        "latency_ms", percentiles(&s->latency), "connect_ms",
	                        percentiles(&s->connect), "failures", failures);
	json_dumpf(all, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(all);
}

static void print_line(const char *name, const struct bench_histogram *h)
{
	printf("%-12s p50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n", name,
	       bench_histogram_ms(h, 0.5), bench_histogram_ms(h, 0.9), bench_histogram_ms(h, 0.99),
	       (double)h->max_ns / 1e6);
}

static void print_text(const struct run *r, const struct stats *s, double seconds)
{
	printf("%llu messages in %.3f s: %.0f a second; %llu recipients, %llu connections, "
	       "%llu errors\n",
	       (unsigned long long)s->messages, seconds, (double)s->messages / seconds,
	       (unsigned long long)s->recipients, (unsigned long long)s->connects,
	       (unsigned long long)s->errors);
	print_line("message", &s->latency);
	print_line("connection", &s->connect);
	if (s->messages > 0)
		printf("client CPU   %.1f us a message\n", (double)r->cpu_us / (double)s->messages);
	for (size_t i = 0; i < ERRORS_KEPT && s->failures[i].count > 0; i++)
		printf("error        %llu times: %s\n", (unsigned long long)s->failures[i].count,
		       s->failures[i].text);
}

/* --- options ---------------------------------------------------------------------------- */

static int parse_tls(struct cli *cli, struct load *l)
{
	static const struct {
		const char *name;
		enum config_tls_rule rule;
	} rules[] = { { "none", TLS_RULE_NONE },
		      { "starttls", TLS_RULE_REQUIRED },
		      { "implicit", TLS_RULE_IMPLICIT } };
	const char *text = cli_text(cli, "tls");
	char *why = NULL;
	if (!text)
		return CLI_OK;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!slice_equal(slice_from_str(text), slice_from_str(rules[i].name)))
			continue;
		l->client.tls = rules[i].rule;
		if (tls_client_new(TLS_VERIFY_NONE, NULL, &l->client.tls_any, &why) < 0)
			return cli_fail("%s", why);
		/* A load generator believes any certificate. */
		l->client.tls_verified = l->client.tls_any;
		return CLI_OK;
	}
	return cli_usage(cli, "--tls is none, starttls or implicit");
}

static int parse_user(struct cli *cli, struct load *l)
{
	const char *text = cli_text(cli, "user");
	if (!text)
		return CLI_OK;
	struct slice rest = slice_from_str(text);
	struct slice name = slice_split(&rest, ',');
	if (rest.len == 0)
		return cli_usage(cli, "--user is NAME,PASSWORD");
	l->client.user = arena_str(cli->arena, name);
	l->client.password = arena_str(cli->arena, rest);
	l->client.auth_in_clear = true;
	return CLI_OK;
}

static bool parse_numbers(struct cli *cli, struct load *l)
{
	int64_t otherwise = cli_has(cli, "seconds") ? INT64_MAX : 1000;
	return cli_number(cli, "sessions", 1, SESSIONS_MAX, 10, &l->sessions) &&
	       cli_number(cli, "seconds", 0, 1 << 20, 0, &l->seconds) &&
	       cli_number(cli, "messages", 1, INT64_MAX, otherwise, &l->messages) &&
	       cli_number(cli, "size", 0, SIZE_MAX_BYTES, 10240, &l->size) &&
	       cli_number(cli, "recipients", 1, 10000, 1, &l->recipients) &&
	       cli_number(cli, "users", 0, INT64_MAX, 0, &l->users) &&
	       cli_number(cli, "workers", 1, 256, 1, &l->workers);
}

static int parse(struct cli *cli, struct load *l)
{
	const char *server = cli_text(cli, "server");
	if (!parse_numbers(cli, l))
		return CLI_USAGE;
	l->from = cli_text(cli, "from") ? cli_text(cli, "from") : "bench@client.test";
	l->to = cli_text(cli, "to");
	if (!server || !l->to)
		return cli_usage(cli, "--server and --to must be given");
	l->reuse = !cli_has(cli, "no-reuse");
	l->client.no_pipelining = cli_has(cli, "no-pipelining");
	l->client.helo = "bench.client.test";
	l->client.timeouts = (struct smtp_timeouts){ TIMEOUT_MS, TIMEOUT_MS, TIMEOUT_MS,
		                                     TIMEOUT_MS };
	l->body = make_body(cli->arena, l->size);
	l->run_id = random_u64();
	int rc = client_resolve(cli->arena, slice_from_str(server), 25, &l->hops, &l->hop_count);
	if (rc < 0)
		return cli_fail("%s: %s", server, strerrordesc_np(-rc));
	int status = parse_tls(cli, l);
	return status == CLI_OK ? parse_user(cli, l) : status;
}

int bench_smtp(struct cli *cli)
{
	struct load load = { .seconds = 0 };
	int status = parse(cli, &load);
	if (status != CLI_OK)
		return status;
	struct run r = { .load = &load };
	r.stats = mem_zero((size_t)load.workers + 1, sizeof(*r.stats));
	r.sessions = mem_zero((size_t)load.sessions, sizeof(*r.sessions));
	struct runtime_config runtime = { .workers = (int)load.workers };
	int rc = runtime_run(&runtime, run_all, &r);
	struct stats *all = &r.stats[load.workers];
	for (int64_t i = 0; i < load.workers; i++)
		merge_stats(all, &r.stats[i]);
	double seconds = (double)(r.ended_ns - r.began_ns) / 1e9;
	if (rc < 0)
		status = cli_fail("the runtime does not start: %s", strerrordesc_np(-rc));
	else if (cli_has(cli, "json"))
		print_json(&r, all, seconds);
	else
		print_text(&r, all, seconds);
	if (rc == 0 && all->errors > 0)
		status = CLI_FAILED;
	tls_client_free(load.client.tls_any);
	free(r.stats);
	free(r.sessions);
	return status;
}
