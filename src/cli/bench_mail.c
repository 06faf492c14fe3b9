#include "cli/bench_mail.h"

#include <errno.h>
#include <jansson.h>

#include "cli/cli_admin.h"

static const char *const op_names[BENCH_OPS] = {
	[BENCH_LOGIN] = "login",       [BENCH_SELECT] = "select", [BENCH_FLAGS] = "flags",
	[BENCH_ENVELOPE] = "envelope", [BENCH_BODY] = "body",     [BENCH_STORE] = "store",
	[BENCH_APPEND] = "append",     [BENCH_NOTICE] = "notice", [BENCH_LIST] = "list",
};

struct runner {
	struct bench_load *load;
	int64_t number;
	struct bench_stats *stats; /* of its worker */
	fiber_id fiber;
};

struct run {
	struct bench_load *load;
	struct bench_stats *stats; /* one a worker, and one for all */
	struct runner *runners;
	int64_t began_ns, ended_ns, cpu_us;
};

/* --- for sessions ----------------------------------------------------------------------------- */

const char *bench_user(struct bench_load *l, struct arena *arena, int64_t number)
{
	struct slice text = slice_from_str(l->user);
	ptrdiff_t at = slice_find(text, SLICE("%d"));
	if (at < 0)
		return l->user;
	return arena_printf(arena, "%.*s%lld%.*s", (int)at, text.data,
	                    (long long)(number % l->users),
	                    SLICE_ARG(slice_from(text, (size_t)at + 2)));
}

void bench_note(struct bench_stats *s, enum bench_op op, int64_t began_ns)
{
	bench_histogram_add(&s->ops[op], (uint64_t)(clock_monotonic_ns() - began_ns));
}

static void add_failure(struct bench_stats *s, const char *text, uint64_t count)
{
	s->errors += count;
	for (size_t i = 0; i < BENCH_FAILURES; i++) {
		struct bench_failure *f = &s->failures[i];
		if (f->count > 0 && !slice_equal(slice_from_str(f->text), slice_from_str(text)))
			continue;
		if (f->count == 0)
			snprintf(f->text, sizeof(f->text), "%s", text);
		f->count += count;
		return;
	}
}

void bench_fail(struct bench_stats *s, const char *what, const char *why)
{
	char text[BENCH_FAILURE_TEXT];
	snprintf(text, sizeof(text), "%s: %s", what, why);
	add_failure(s, text, 1);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void run_session(void *arg)
{
	struct runner *r = arg;
	r->load->session(r->load, r->number, r->stats);
}

static void run_all(void *arg)
{
	struct run *r = arg;
	struct bench_load *l = r->load;
	int64_t cpu_us = bench_cpu_us();
	r->began_ns = clock_monotonic_ns();
	l->end_ns = r->began_ns + l->seconds * 1000000000;
	for (int64_t i = 0; i < l->sessions; i++) {
		int worker = (int)(i % runtime_workers());
		r->runners[i] = (struct runner){ l, i, &r->stats[worker], 0 };
		r->runners[i].fiber = fiber_start(worker, "bench session", run_session,
		                                  &r->runners[i]);
	}
	for (int64_t i = 0; i < l->sessions; i++)
		fiber_join(r->runners[i].fiber, DEADLINE_NEVER);
	r->ended_ns = clock_monotonic_ns();
	r->cpu_us = bench_cpu_us() - cpu_us;
	runtime_stop(0);
}

static void merge(struct bench_stats *into, const struct bench_stats *from)
{
	for (int i = 0; i < BENCH_OPS; i++)
		bench_histogram_merge(&into->ops[i], &from->ops[i]);
	into->bytes += from->bytes;
	for (size_t i = 0; i < BENCH_FAILURES && from->failures[i].count > 0; i++)
		add_failure(into, from->failures[i].text, from->failures[i].count);
}

/* --- results ---------------------------------------------------------------------------------- */

static uint64_t requests(const struct bench_stats *s)
{
	uint64_t sum = 0;
	for (int i = 0; i < BENCH_OPS; i++)
		sum += s->ops[i].count;
	return sum;
}

static json_t *op_object(const struct bench_histogram *h, double seconds)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "count", (json_int_t)h->count, "rate",
	                 (double)h->count / seconds, "p50_ms", bench_histogram_ms(h, 0.5), "p90_ms",
	                 bench_histogram_ms(h, 0.9), "p99_ms", bench_histogram_ms(h, 0.99),
	                 "max_ms", (double)h->max_ns / 1e6);
}

static void print_json(const struct run *r, const struct bench_stats *s, double seconds)
{
	json_t *ops = json_object(), *failures = json_object();
	for (int i = 0; i < BENCH_OPS; i++) {
		if (s->ops[i].count > 0)
			json_object_set_new(ops, op_names[i], op_object(&s->ops[i], seconds));
	}
	for (size_t i = 0; i < BENCH_FAILURES && s->failures[i].count > 0; i++)
		json_object_set_new(failures, s->failures[i].text,
		                    json_integer((json_int_t)s->failures[i].count));
	uint64_t count = requests(s);
	json_t *all = json_pack("{s:s, s:I, s:f, s:I, s:f, s:I, s:I, s:f, s:o, s:o}", "mode",
	                        r->load->mode, "sessions", (json_int_t)r->load->sessions, "seconds",
	                        seconds, "requests", (json_int_t)count, "rate",
	                        (double)count / seconds, "bytes", (json_int_t)s->bytes, "errors",
	                        (json_int_t)s->errors, "client_cpu_us",
	                        count > 0 ? (double)r->cpu_us / (double)count : 0.0, "ops", ops,
	                        "failures", failures);
	json_dumpf(all, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(all);
}

static void print_text(const struct run *r, const struct bench_stats *s, double seconds)
{
	char bytes[32];
	uint64_t count = requests(s);
	printf("%llu requests in %.3f s: %.0f a second; %s of messages, %llu errors\n",
	       (unsigned long long)count, seconds, (double)count / seconds,
	       cli_bytes((long long)s->bytes, bytes), (unsigned long long)s->errors);
	for (int i = 0; i < BENCH_OPS; i++) {
		const struct bench_histogram *h = &s->ops[i];
		if (h->count == 0)
			continue;
		printf("%-10s %8llu  %8.0f a second  p50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n",
		       op_names[i], (unsigned long long)h->count, (double)h->count / seconds,
		       bench_histogram_ms(h, 0.5), bench_histogram_ms(h, 0.9),
		       bench_histogram_ms(h, 0.99), (double)h->max_ns / 1e6);
	}
	if (count > 0)
		printf("client CPU %.1f us a request\n", (double)r->cpu_us / (double)count);
	for (size_t i = 0; i < BENCH_FAILURES && s->failures[i].count > 0; i++)
		printf("error      %llu times: %s\n", (unsigned long long)s->failures[i].count,
		       s->failures[i].text);
}

/* --- options ---------------------------------------------------------------------------------- */

static int read_mode(struct bench_load *l, const char *const *modes)
{
	const char *text = cli_text(l->cli, "mode");
	l->mode = text ? text : modes[0];
	for (size_t i = 0; modes[i]; i++) {
		if (slice_equal(slice_from_str(modes[i]), slice_from_str(l->mode)))
			return CLI_OK;
	}
	return cli_usage(l->cli, "there is no --mode %s here", l->mode);
}

static int read_options(struct bench_load *l)
{
	struct cli *cli = l->cli;
	struct slice rest = slice_from_str(cli_text(cli, "user"));
	struct slice name = slice_split(&rest, ',');
	if (!cli_number(cli, "sessions", 1, 100000, 10, &l->sessions) ||
	    !cli_number(cli, "seconds", 1, 1 << 20, 10, &l->seconds) ||
	    !cli_number(cli, "users", 1, INT64_MAX, 1, &l->users) ||
	    !cli_number(cli, "workers", 1, 256, 1, &l->workers) ||
	    !cli_number(cli, "messages", 1, 1000000, 10, &l->count) ||
	    !cli_number(cli, "size", 100, 100 << 20, 4096, &l->size))
		return CLI_USAGE;
	if (rest.len == 0)
		return cli_usage(cli, "--user must be given: NAME,PASSWORD");
	l->user = arena_str(cli->arena, name);
	l->password = arena_str(cli->arena, rest);
	return CLI_OK;
}

static int run(struct bench_load *l)
{
	struct run r = { .load = l };
	const struct runtime_config runtime = { .workers = (int)l->workers };
	r.stats = mem_zero((size_t)l->workers + 1, sizeof(*r.stats));
	r.runners = mem_zero((size_t)l->sessions, sizeof(*r.runners));
	int rc = runtime_run(&runtime, run_all, &r);
	struct bench_stats *all = &r.stats[l->workers];
	for (int64_t i = 0; i < l->workers; i++)
		merge(all, &r.stats[i]);
	double seconds = (double)(r.ended_ns - r.began_ns) / 1e9;
	int status = all->errors > 0 ? CLI_FAILED : CLI_OK;
	if (rc < 0)
		status = cli_fail("the runtime does not start: %s", strerrordesc_np(-rc));
	else if (cli_has(l->cli, "json"))
		print_json(&r, all, seconds);
	else
		print_text(&r, all, seconds);
	free(r.stats);
	free(r.runners);
	return status;
}

int bench_mail(struct cli *cli, uint16_t port, uint16_t tls_port, const char *const *modes,
               void (*session)(struct bench_load *load, int64_t number, struct bench_stats *stats))
{
	struct bench_load load = { .cli = cli, .session = session };
	int status = read_options(&load);
	if (status == CLI_OK)
		status = read_mode(&load, modes);
	if (status != CLI_OK)
		return status;
	status = remote_read(cli, port, tls_port, TLS_RULE_NONE, true, &load.remote);
	if (status == CLI_OK)
		status = run(&load);
	remote_free(&load.remote);
	return status;
}
