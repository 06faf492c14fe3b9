/* Asks what it is told to and prints what came of it, for tests against a real server:
 *
 *     dns_probe FORWARDER ANCHOR TIMEOUT_MS DEADLINE_MS { mx|a|txt|cname|tlsa|ptr NAME }...
 *
 * A line each: "mx example.test 0 secure ttl=300 name=example.test 10:mx1.example.test ..." or
 * "mx example.test ENOENT secure ...". All are asked at the same time; the order is kept. */
#include <errno.h>

#include "base/codec.h"
#include "dns/dns.h"
#include "fiber/fiber.h"

struct probe {
	struct dns *dns;
	const char *type;
	const char *name;
	int64_t deadline_ms;
	fiber_id fiber;
	struct arena *arena;
	const char *line;
};

struct probes {
	struct dns_config config;
	int64_t deadline_ms;
	char **words;
	int count;
	int rc;
};

static const char *one_record(const struct probe *p, const struct dns_answer *answer, size_t i)
{
	char ip[NET_ADDRESS_TEXT_MAX];

	switch (p->type[0] == 't' ? p->type[1] : p->type[0]) {
	case 'm':
		return arena_printf(p->arena, "%u:%s", answer->mx[i].preference,
		                    answer->mx[i].host);
	case 'a':
		return arena_str(p->arena,
		                 slice_from_str(net_address_ip(&answer->addresses[i], ip)));
	case 'x':
		return arena_printf(p->arena, "\"%.*s\"", SLICE_ARG(answer->texts[i]));
	case 'l':
		return arena_printf(
			p->arena, "%u:%u:%u:%s", answer->tlsa[i].usage, answer->tlsa[i].selector,
			answer->tlsa[i].matching,
			arena_str(p->arena, hex_encode(p->arena, answer->tlsa[i].data)));
	default:
		return answer->names[i];
	}
}

static int look_up(const struct probe *p, struct dns_answer *out)
{
	int64_t deadline = deadline_in(p->deadline_ms);
	struct net_address address;

	if (strcmp(p->type, "mx") == 0)
		return dns_mx(p->dns, p->arena, p->name, deadline, out);
	if (strcmp(p->type, "a") == 0)
		return dns_addresses(p->dns, p->arena, p->name, deadline, out);
	if (strcmp(p->type, "txt") == 0)
		return dns_txt(p->dns, p->arena, p->name, deadline, out);
	if (strcmp(p->type, "cname") == 0)
		return dns_cname(p->dns, p->arena, p->name, deadline, out);
	if (strcmp(p->type, "tlsa") == 0)
		return dns_tlsa(p->dns, p->arena, p->name, deadline, out);
	if (net_address_parse(slice_from_str(p->name), 0, &address) < 0)
		return -EINVAL;
	return dns_ptr(p->dns, p->arena, &address, deadline, out);
}

static void probe_one(void *arg)
{
	struct probe *p = arg;
	struct dns_answer answer = { 0 };
	int rc = look_up(p, &answer);
	const char *line;

	line = arena_printf(p->arena, "%s %s %s", p->type, p->name,
	                    rc == 0 ? "0" : strerrorname_np(-rc));
	if (answer.canonical_name)
		line = arena_printf(p->arena, "%s %s ttl=%u name=%s", line,
		                    answer.security == DNS_SECURE ? "secure" : "insecure",
		                    answer.ttl, answer.canonical_name);
	for (size_t i = 0; rc == 0 && i < answer.count; i++)
		line = arena_printf(p->arena, "%s %s", line, one_record(p, &answer, i));
	p->line = line;
}

static void probe_all(void *arg)
{
	struct probes *all = arg;
	int count = all->count / 2;
	struct probe *probes = mem_zero((size_t)count + 1, sizeof(*probes));
	struct dns *dns = NULL;

	all->rc = dns_open(&all->config, &dns);
	for (int i = 0; i < count && all->rc == 0; i++) {
		probes[i] = (struct probe){
			.dns = dns,
			.type = all->words[2 * i],
			.name = all->words[2 * i + 1],
			.deadline_ms = all->deadline_ms,
			.arena = arena_new(),
		};
		probes[i].fiber = fiber_start(i % runtime_workers(), "probe", probe_one,
		                              &probes[i]);
	}
	for (int i = 0; i < count && all->rc == 0; i++) {
		(void)fiber_join(probes[i].fiber, DEADLINE_NEVER);
		printf("%s\n", probes[i].line);
		arena_free(probes[i].arena);
	}
	free(probes);
	dns_close(dns);
	runtime_stop(0);
}

static int64_t number(const char *text)
{
	int64_t value;

	if (!slice_to_i64(slice_from_str(text), &value))
		exit(2);
	return value;
}

int main(int argc, char **argv)
{
	struct runtime_config runtime = { .workers = 2 };
	struct probes all = { .words = argv + 5, .count = argc - 5 };
	int rc;

	if (argc < 5 || argc % 2 == 0) {
		fprintf(stderr, "usage: dns_probe FORWARDER ANCHOR TIMEOUT_MS DEADLINE_MS "
		                "{ mx|a|txt|tlsa|ptr NAME }...\n");
		return 2;
	}
	all.config.forwarder = argv[1];
	all.config.trust_anchor = argv[2];
	all.config.timeout_ms = number(argv[3]);
	all.deadline_ms = number(argv[4]);
	rc = runtime_run(&runtime, probe_all, &all);
	if (rc < 0 || all.rc < 0) {
		printf("open %s\n", strerrorname_np(rc < 0 ? -rc : -all.rc));
		return 1;
	}
	return 0;
}
