/* veredus route */
#include <errno.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_dns.h"
#include "cli/route_tls.h"
#include "client/client_route.h"
#include "fiber/fiber.h"
#include "queue/queue_group.h"
#include "queue/queue_schedule.h"
#include "queue/queue_source.h"

enum { LOOK_UP_MS = 60 * 1000 };

/* By enum config_tls_rule: as the configuration has them, and what they mean. */
static const char *const tls_names[][2] = {
	[TLS_RULE_NONE] = { "none", "never" },
	[TLS_RULE_OPPORTUNISTIC] = { "opportunistic", "if it is offered, with any certificate" },
	[TLS_RULE_REQUIRED] = { "required", "or nothing is sent; any certificate will do" },
	[TLS_RULE_VERIFIED] = { "verified", "or nothing is sent; its certificate must be good" },
	[TLS_RULE_IMPLICIT] = { "implicit", "from the start; its certificate must be good" },
};

static const char *const way_names[][2] = {
	[CLIENT_BY_SMARTHOST] = { "smarthost", "" },
	[CLIENT_BY_MX] = { "mx", "its MX records" },
	[CLIENT_BY_ADDRESS] = { "address", "its own addresses, as it has no MX records" },
	[CLIENT_BY_LITERAL] = { "literal", "the address that the domain is" },
	[CLIENT_BY_HOST] = { "host", "the host that was named" },
};

static bool is_true(const json_t *item, const char *key)
{
	return json_is_true(json_object_get(item, key));
}

/* --- finding the hosts ---------------------------------------------------------------- */

struct look_up {
	const struct config *config;
	struct arena *arena;
	struct dns *dns;
	json_t *answer;
	int rc;
};

static json_t *hop_json(const struct client_hop *hop)
{
	char address[NET_ADDRESS_TEXT_MAX];
	return json_pack("{s:s, s:i, s:s}", "host", hop->host, "preference", (int)hop->preference,
	                 "address", net_address_text(&hop->address, address));
}

static json_t *smarthost_json(const struct config_smarthost *s)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:s?}", "for", s->domain, "protocol",
	                 s->lmtp ? "lmtp" : "smtp", "host", s->host, "port", (int)s->port, "user",
	                 s->user);
}

static void add_trouble(json_t *place, const struct smtp_outcome *outcome)
{
	char status[SMTP_ENHANCED_TEXT_MAX];
	json_object_set_new(place, "status",
	                    json_string(smtp_enhanced_text(outcome->enhanced, status)));
	json_object_set_new(place, "error", json_stringn(outcome->text.data, outcome->text.len));
	json_object_set_new(place, "temporary", json_boolean(outcome->verdict == SMTP_TEMPORARY));
}

/* A command or a file, as the configuration has it. */
static json_t *final_json(struct look_up *l, const struct config_smarthost *way)
{
	static const char *const kinds[] = {
		[FINAL_PIPE] = "pipe", [FINAL_MAILDIR] = "maildir", [FINAL_MBOX] = "mbox"
	};
	const char *to = way->path ? way->path : way->command[0];
	for (size_t i = 1; !way->path && way->command[i]; i++)
		to = arena_printf(l->arena, "%s %s", to, way->command[i]);
	return json_pack("{s:s, s:s, s:s?}", "kind", kinds[way->final], "to", to, "user",
	                 way->unix_user);
}

/* Which section of the configuration has the mail, and why it is that. */
static json_t *way_json(struct look_up *l, const struct config_smarthost *way,
                        const struct client_errand *errand)
{
	return json_pack("{s:s, s:s, s:s}", "section", way->section, "title", way->title, "why",
	                 client_choose_why(l->arena, way, errand));
}

/* Which of our addresses it comes from, and what it calls us. */
static json_t *source_json(const struct look_up *l, const struct config_smarthost *way)
{
	const struct config_sources *pool = queue_source_pool(l->config, way);
	const char *helo = way && way->helo ? way->helo : l->config->hostname;
	json_t *sources = json_array();
	for (size_t i = 0; pool && i < pool->count; i++) {
		char address[NET_ADDRESS_TEXT_MAX];
		const struct config_source *s = &pool->items[i];
		json_array_append_new(sources, json_pack("{s:s, s:s}", "address",
		                                         net_address_ip(&s->address, address),
		                                         "helo", s->helo ? s->helo : helo));
	}
	return json_pack("{s:s, s:o}", "helo", helo, "addresses", sources);
}

static json_t *times_json(const struct look_up *l, const struct config_smarthost *way)
{
	const struct queue_schedule s = queue_schedule_of(l->config, way);
	int64_t expire_ms = queue_schedule_expiry(&s, 0, l->config->queue.times.expire_ms);
	return json_pack("{s:I, s:I, s:I, s:I}", "retry_first_ms", (json_int_t)s.first_ms,
	                 "retry_max_ms", (json_int_t)s.max_ms, "expire_ms", (json_int_t)expire_ms,
	                 "delay_notice_ms", (json_int_t)s.delay_notice_ms);
}

/* Of what else connections, limits and pauses are, besides the mail for the domain; or null. */
static json_t *shared_json(const struct look_up *l, struct slice key, struct slice domain,
                           const struct client_route *route, const json_t *sts)
{
	struct tls_policy_domain policy;
	tls_policy_find_domain(l->dns, l->config, route, domain, TLS_DEMAND_USUAL, &policy);
	struct slice group = queue_group_of(l->arena, key, domain, route, &policy);
	if (slice_equal(group, key) || json_object_get(sts, "mode"))
		return json_null();
	return json_stringn(group.data, group.len);
}

static json_t *find_place(struct look_up *l, struct slice key, const struct client_errand *errand,
                          const json_t *kept)
{
	const struct config_smarthost *way = client_choose(l->config, errand);
	struct client_route route;
	struct smtp_outcome outcome = { .verdict = SMTP_OK };
	int rc = client_route_find(l->dns, l->config, l->arena, way, errand->domain,
	                           deadline_in(LOOK_UP_MS), &route, &outcome);
	json_t *hosts = json_array(), *sts = json_null();
	for (size_t i = 0; i < route.count && rc == 0; i++)
		json_array_append_new(hosts, hop_json(&route.hops[i]));
	if (rc == 0)
		rc = route_tls_find(l->dns, l->config, l->arena, &route, errand->domain, kept,
		                    hosts, &sts, &outcome);
	json_t *place = json_pack("{s:s%, s:[], s:s, s:s, s:b, s:b, s:o}", "destination", key.data,
	                          key.len, "recipients", "by", way_names[route.kind][0], "tls",
	                          tls_names[client_route_tls(l->config, route.smarthost)][0],
	                          "dnssec", (int)route.secure, "own_left_out", (int)route.own,
	                          "hosts", hosts);
	json_object_set_new(place, "shared",
	                    rc == 0 ? shared_json(l, key, errand->domain, &route, sts)
	                            : json_null());
	if (way && way->final != FINAL_NONE) {
		json_object_set_new(place, "by", json_string("transport"));
		json_object_set_new(place, "tls", json_null());
		json_object_set_new(place, "final", final_json(l, way));
	} else if (route.smarthost)
		json_object_set_new(place, "smarthost", smarthost_json(route.smarthost));
	if (way)
		json_object_set_new(place, "way", way_json(l, way, errand));
	json_object_set_new(place, "source", source_json(l, way));
	json_object_set_new(place, "sts", sts);
	json_object_set_new(place, "times", times_json(l, way));
	if (rc < 0)
		add_trouble(place, &outcome);
	return place;
}

static json_t *known_place(const json_t *places, struct slice key)
{
	size_t i;
	json_t *place;
	json_array_foreach(places, i, place)
	{
		if (slice_equal(slice_from_str(cli_item_text(place, "destination")), key))
			return place;
	}
	return NULL;
}

static void find_places(struct look_up *l)
{
	size_t i;
	json_t *recipient, *places = json_object_get(l->answer, "destinations");
	json_array_foreach(json_object_get(l->answer, "queued"), i, recipient)
	{
		if (is_true(recipient, "fetched") || cli_item_text(recipient, "suppressed")[0])
			continue;
		const struct client_errand errand = {
			.domain = slice_from_str(cli_item_text(recipient, "domain")),
			.sender = slice_from_str(cli_item_text(l->answer, "sender")),
			.account = slice_from_str(cli_item_text(l->answer, "account")),
		};
		const struct config_smarthost *way = client_choose(l->config, &errand);
		struct slice key = client_choose_key(l->config, l->arena, way, errand.domain);
		json_t *place = known_place(places, key);
		if (!place) {
			place = find_place(l, key, &errand, json_object_get(recipient, "sts"));
			json_array_append_new(places, place);
		}
		json_array_append(json_object_get(place, "recipients"),
		                  json_object_get(recipient, "address"));
	}
}

static void look_up(void *arg)
{
	struct look_up *l = arg;
	const struct config *c = l->config;
	const struct dns_config dns = cli_dns_config(c);
	l->rc = dns_open(&dns, &l->dns);
	if (l->rc == 0)
		find_places(l);
	dns_close(l->dns);
	runtime_stop(0);
}

/* --- telling -------------------------------------------------------------------------- */

static void print_steps(const json_t *steps, unsigned depth)
{
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step)
	{
		const char *address = cli_item_text(step, "address"),
			   *found = cli_item_text(step, "found");
		bool other = found[0] &&
		             !slice_equal_nocase(slice_from_str(found), slice_from_str(address));
		printf("%*s%s: %s%s%s%s\n", (int)(2 * depth), "", address,
		       cli_item_text(step, "kind"), other ? " " : "", other ? found : "",
		       is_true(step, "again") ? ", which gets it already" : "");
		print_steps(json_object_get(step, "members"), depth + 1);
	}
}

static const char *meaning(const char *const (*names)[2], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal(slice_from_str(names[i][0]), slice_from_str(name)))
			return names[i][1];
	}
	return "";
}
#define MEANING(names, name) meaning(names, sizeof(names) / sizeof(names[0]), name)

static void print_final(const json_t *place, const json_t *final)
{
	const json_t *way = json_object_get(place, "way");
	const char *user = cli_item_text(final, "user");
	printf("  by transport \"%s\" of the configuration: %s %s%s%s\n",
	       cli_item_text(way, "title"), cli_item_text(final, "kind"),
	       cli_item_text(final, "to"), user[0] ? ", as " : "", user);
	printf("  which is for %s\n", cli_item_text(way, "why"));
}

static void print_way(const json_t *place)
{
	const json_t *smarthost = json_object_get(place, "smarthost"),
		     *way = json_object_get(place, "way");
	if (smarthost) {
		const char *user = cli_item_text(smarthost, "user"),
			   *host = cli_item_text(smarthost, "host");
		bool is_lmtp = slice_equal(slice_from_str(cli_item_text(smarthost, "protocol")),
		                           SLICE("lmtp"));
		printf("  by %s \"%s\" of the configuration: %s%s", cli_item_text(way, "section"),
		       cli_item_text(way, "title"), is_lmtp ? "LMTP to " : "", host);
		if (cli_item_number(smarthost, "port") > 0)
			printf(" port %lld", cli_item_number(smarthost, "port"));
		printf("%s%s\n", user[0] ? ", as " : "", user);
		printf("  which is for %s\n", cli_item_text(way, "why"));
		return;
	}
	printf("  by %s%s\n", MEANING(way_names, cli_item_text(place, "by")),
	       is_true(place, "dnssec") ? ", which DNSSEC vouches for" : "");
	if (way)
		printf("  as route \"%s\" of the configuration wants, which is for %s\n",
		       cli_item_text(way, "title"), cli_item_text(way, "why"));
}

static void print_source(const json_t *source)
{
	size_t i;
	json_t *one;
	if (json_array_size(json_object_get(source, "addresses")) == 0)
		printf("  from the address that the system chooses, as %s\n",
		       cli_item_text(source, "helo"));
	json_array_foreach(json_object_get(source, "addresses"), i, one) printf(
		"  from %s, as %s\n", cli_item_text(one, "address"), cli_item_text(one, "helo"));
}

/* Seconds where it is less than a minute, which is for tests. */
static const char *duration(int64_t ms, char *out, size_t size)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
	size_t i = 0;
	while (i < 3 && ms % units[i].ms != 0)
		i++;
	snprintf(out, size, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
	return out;
}

static void print_times(const json_t *times)
{
	char first[32], most[32], expire[32];
	printf("  tried again after %s, then up to %s; given up after %s\n",
	       duration(cli_item_number(times, "retry_first_ms"), first, sizeof(first)),
	       duration(cli_item_number(times, "retry_max_ms"), most, sizeof(most)),
	       duration(cli_item_number(times, "expire_ms"), expire, sizeof(expire)));
}

static void print_place(const json_t *place)
{
	size_t i;
	json_t *recipient, *host;
	const char *tls = cli_item_text(place, "tls"), *status = cli_item_text(place, "status");
	printf("\ndestination %s:", cli_item_text(place, "destination"));
	json_array_foreach(json_object_get(place, "recipients"), i, recipient)
		printf(" %s", json_string_value(recipient));
	putchar('\n');
	if (status[0])
		printf("  %s: %s %s\n",
		       is_true(place, "temporary") ? "tried again later" : "returned to the sender",
		       status, cli_item_text(place, "error"));
	if (status[0] && json_array_size(json_object_get(place, "hosts")) == 0)
		return;
	if (json_object_get(place, "final")) {
		print_final(place, json_object_get(place, "final"));
		print_times(json_object_get(place, "times"));
		return;
	}
	print_way(place);
	print_source(json_object_get(place, "source"));
	if (json_object_get(place, "smarthost"))
		printf("  TLS %s: %s\n", tls, MEANING(tls_names, tls));
	if (is_true(place, "own_left_out"))
		printf("  this host is among them: left out, with those that are no better\n");
	if (cli_item_text(place, "shared")[0])
		printf("  connections, limits and pauses are those of %s\n",
		       cli_item_text(place, "shared"));
	route_tls_print_sts(json_object_get(place, "sts"));
	json_array_foreach(json_object_get(place, "hosts"), i, host)
	{
		printf("  %5lld  %s  %s\n", cli_item_number(host, "preference"),
		       cli_item_text(host, "host"), cli_item_text(host, "address"));
		route_tls_print_host(host);
	}
	print_times(json_object_get(place, "times"));
}

static void print_relay(const json_t *relay)
{
	char until[32];
	const char *verify = cli_item_text(relay, "verify");
	if (!verify[0])
		return;
	printf("relay domain %s: ", cli_item_text(relay, "domain"));
	if (slice_equal(slice_from_str(verify), SLICE("none")))
		printf("recipients are not verified\n");
	else if (slice_equal(slice_from_str(verify), SLICE("list")))
		printf("the recipient is %sin the list (`veredus relay list`)\n",
		       is_true(relay, "listed") ? "" : "not ");
	else if (!json_object_get(relay, "until_ms"))
		printf("the next host is asked for the recipient first (call-ahead)\n");
	else
		printf("the next host %s the recipient, believed until %s: %s\n",
		       is_true(relay, "known") ? "knows" : "does not know",
		       cli_date(cli_item_number(relay, "until_ms"), until),
		       cli_item_text(relay, "reply"));
}

static void print_answer(const json_t *answer)
{
	size_t i;
	json_t *place, *recipient;
	print_steps(json_object_get(answer, "tree"), 0);
	print_relay(json_object_get(answer, "relay"));
	printf("%s from %s: %s\n", is_true(answer, "accepted") ? "accepted" : "refused",
	       !is_true(answer, "trusted")          ? "a stranger"
	       : cli_item_text(answer, "client")[0] ? "a host that may relay"
	                                            : "a user who has logged in",
	       cli_item_text(answer, "reply"));
	json_array_foreach(json_object_get(answer, "queued"), i, recipient)
	{
		if (is_true(recipient, "fetched"))
			printf("%s waits until it is fetched (ATRN)\n",
			       cli_item_text(recipient, "address"));
		else if (cli_item_text(recipient, "suppressed")[0])
			printf("%s comes back, 5.7.1: suppressed: %s\n",
			       cli_item_text(recipient, "address"),
			       cli_item_text(recipient, "suppressed"));
	}
	json_array_foreach(json_object_get(answer, "destinations"), i, place) print_place(place);
}

/* --- the command ---------------------------------------------------------------------- */

static void keep_answer(const json_t *item, void *arg)
{
	json_t **answer = arg;
	*answer = json_deep_copy(item);
}

static int judge(const json_t *answer)
{
	size_t i;
	json_t *place, *recipient;
	int status = is_true(answer, "accepted") ? CLI_OK : CLI_FOUND;
	json_array_foreach(json_object_get(answer, "queued"), i, recipient)
	{
		if (cli_item_text(recipient, "suppressed")[0])
			status = CLI_FOUND;
	}
	json_array_foreach(json_object_get(answer, "destinations"), i, place)
	{
		if (!cli_item_text(place, "status")[0])
			continue;
		if (!is_true(place, "temporary"))
			status = CLI_FOUND;
		else if (status == CLI_OK)
			status = CLI_TRY_LATER;
	}
	return status;
}

static int find_and_tell(struct cli *cli, struct config *config, json_t *answer)
{
	struct look_up l = { .config = config, .arena = cli->arena, .answer = answer };
	const struct runtime_config runtime = { .workers = 1 };
	json_object_set_new(answer, "destinations", json_array());
	int rc = json_array_size(json_object_get(answer, "queued")) > 0
	                 ? runtime_run(&runtime, look_up, &l)
	                 : 0;
	if (rc < 0)
		return cli_fail("the runtime does not start: %s", strerrordesc_np(-rc));
	if (l.rc < 0)
		return cli_fail("the DNS can't be asked: %s: see section dns of veredus.conf",
		                strerrordesc_np(-l.rc));
	if (cli_has(cli, "json"))
		cli_print_json(answer, NULL);
	else
		print_answer(answer);
	return judge(answer);
}

static int route(struct cli *cli)
{
	struct config *config = cli_load_config(cli);
	json_t *answer = NULL;
	if (!config)
		return CLI_FAILED;
	json_t *request = json_pack("{s:s}", "address", cli->words[0]);
	if (cli_text(cli, "from"))
		json_object_set_new(request, "sender", json_string(cli_text(cli, "from")));
	cli_put_text(cli, "account", request);
	cli_put_text(cli, "client", request);
	int status = cli_request(cli, "route", request, keep_answer, &answer);
	if (status == CLI_OK)
		status = find_and_tell(cli, config, answer);
	json_decref(answer);
	config_free(config);
	return status;
}

static const struct cli_option options[] = {
	{ "from", 0, "ADDRESS", "who sends it; '' is <>. Default: a user who has logged in" },
	{ "account", 0, "ADDRESS", "who has logged in and hands it in" },
	{ "client", 0, "IP", "the host that hands it in without a login" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_route = {
	.name = "route",
	.summary = "Where mail for an address would go, and why. Nothing is sent.",
	.usage = "[--json] [--from ADDRESS] [--account ADDRESS | --client IP] ADDRESS",
	.text = "Aliases are followed, smarthosts and the DNS are asked as the queue asks them. A "
		"sender\nthat is none of ours is a stranger, who reaches our users only.\n"
		"The exit status is 3 if the mail would be refused or come back, 75 if the DNS "
		"does not\nanswer now.\n",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = route,
};
