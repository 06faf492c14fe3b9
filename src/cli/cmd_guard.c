/* veredus guard: the lists in the DNS. */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_dns.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "guard/guard_list_check.h"

struct asking {
	struct cli *cli;
	const struct config *config;
	struct dns *dns;
	const char *what; /* NULL: the test entries */
	json_t *items;
	int rc;
};

/* What others wrote may not move the cursor. */
static const char *safe(char *text)
{
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7F)
			*at = ' ';
	}
	return text;
}

static void check(struct asking *a, const struct config_dns_list *list)
{
	struct guard_list_test tests[LIST_CHECKS_MAX];
	json_t *entries = json_array();
	bool ok = true;
	size_t count = guard_list_check(a->dns, a->cli->arena, list, tests);
	for (size_t i = 0; i < count; i++) {
		ok &= tests[i].ok || tests[i].is_optional;
		json_array_append_new(
			entries, json_pack("{s:s, s:b, s:b, s:b, s:s}", "entry", tests[i].entry,
		                           "should_listed", (int)tests[i].should_listed, "optional",
		                           (int)tests[i].is_optional, "ok", (int)tests[i].ok,
		                           "answer", tests[i].answer));
	}
	json_array_append_new(a->items,
	                      json_pack("{s:s, s:s, s:b, s:o}", "list", list->name, "zone",
	                                list->zone, "ok", (int)ok, "entries", entries));
}

static void say(struct asking *a, const struct config_dns_list *list)
{
	const char *said = guard_list_say(a->dns, a->cli->arena, list, slice_from_str(a->what));
	if (said)
		json_array_append_new(
			a->items,
			json_pack("{s:s, s:s, s:s}", "list", list->name, "zone", list->zone, "says",
		                  safe(arena_str(a->cli->arena, slice_from_str(said)))));
}

static void ask(void *arg)
{
	struct asking *a = arg;
	const struct config *c = a->config;
	const struct dns_config dns_config = cli_dns_config(c);
	a->rc = dns_open(&dns_config, &a->dns);
	for (size_t i = 0; i < c->dns_lists.count && a->rc == 0; i++) {
		if (a->what)
			say(a, &c->dns_lists.items[i]);
		else
			check(a, &c->dns_lists.items[i]);
	}
	dns_close(a->dns);
	runtime_stop(0);
}

static void print_checked(const json_t *item)
{
	bool ok = json_is_true(json_object_get(item, "ok"));
	size_t i;
	json_t *entry;
	printf("%-16s  %s  %s\n", cli_item_text(item, "list"), ok ? "works " : "BROKEN",
	       cli_item_text(item, "zone"));
	json_array_foreach(json_object_get(item, "entries"), i, entry)
	{
		bool should = json_is_true(json_object_get(entry, "should_listed"));
		bool fine = json_is_true(json_object_get(entry, "ok"));
		const char *verdict = "";
		if (!fine)
			verdict = json_is_true(json_object_get(entry, "optional"))
			                  ? "; it knows no IPv6"
			                  : (should ? "; it should be" : "; it should not be");
		printf("                  %-14s %s%s\n", cli_item_text(entry, "entry"),
		       cli_item_text(entry, "answer"), verdict);
	}
}

static int print_items(struct asking *a)
{
	int status = CLI_OK;
	size_t i;
	json_t *item;
	json_array_foreach(a->items, i, item)
	{
		bool ok = a->what || json_is_true(json_object_get(item, "ok"));
		if (!cli_has(a->cli, "json") && a->what)
			printf("%-16s  %s\n", cli_item_text(item, "list"),
			       cli_item_text(item, "says"));
		else if (!cli_has(a->cli, "json"))
			print_checked(item);
		status = ok ? status : CLI_FAILED;
	}
	if (cli_has(a->cli, "json")) {
		json_dumpf(a->items, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	return status;
}

static int lists(struct cli *cli)
{
	const struct runtime_config runtime = { .workers = 1 };
	struct slice verb = slice_from_str(cli->words[0]);
	bool is_ask = slice_equal(verb, SLICE("ask"));
	struct asking a = { .cli = cli, .what = cli->word_count > 1 ? cli->words[1] : NULL };
	if ((!is_ask && !slice_equal(verb, SLICE("check"))) || is_ask != (a.what != NULL))
		return cli_usage(cli, "say `lists check` or `lists ask ADDRESS-OR-DOMAIN`");
	struct config *config = cli_load_config(cli);
	if (!config)
		return CLI_FAILED;
	a.config = config;
	a.items = json_array();
	int status = CLI_OK, rc = runtime_run(&runtime, ask, &a);
	rc = rc == 0 ? a.rc : rc;
	if (rc < 0)
		status = cli_fail("the DNS can't be asked: %s", strerrordesc_np(-rc));
	else if (config->dns_lists.count == 0)
		status = cli_fail("there is no section dns-list in the configuration");
	else
		status = print_items(&a);
	json_decref(a.items);
	config_free(config);
	return status;
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "lists", "check | ask ADDRESS-OR-DOMAIN",
	  "Whether the lists in the DNS work, by their test entries; or what they say.", 1, 2,
	  lists },
	{ 0 },
};

const struct cli_command cmd_guard = {
	.name = "guard",
	.summary = "Blocklists and allowlists in the DNS.",
	.text = "Each list has entries for tests (RFC 5782): 127.0.0.2 must be listed, and "
		"127.0.0.1 "
		"must not;\nof lists of domains TEST and INVALID. A list that refuses to answer "
		"(127.255.255.x), or\nlists everybody, is told as broken, and the command fails.\n",
	.options = options,
	.verbs = verbs,
};
