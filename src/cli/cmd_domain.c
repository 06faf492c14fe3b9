/* veredus domain, veredus alias */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/sendmail.h"

static json_t *domain_request(struct cli *cli)
{
	return json_pack("{s:s}", "domain", cli->words[0]);
}

static int domain_add(struct cli *cli)
{
	return cli_request(cli, "domain.add", domain_request(cli), NULL, NULL);
}

static int domain_remove(struct cli *cli)
{
	return cli_request(cli, "domain.remove", domain_request(cli), NULL, NULL);
}

static int domain_catch_all(struct cli *cli)
{
	json_t *request = domain_request(cli);
	if (cli->word_count > 1)
		json_object_set_new(request, "address", json_string(cli->words[1]));
	return cli_request(cli, "domain.catch-all", request, NULL, NULL);
}

static void print_domain(const json_t *item, void *unused)
{
	(void)unused;
	const char *catch_all = cli_item_text(item, "catch_all");
	printf("%s%s%s\n", cli_item_text(item, "domain"), catch_all[0] ? "  catch-all " : "",
	       catch_all);
}

static int domain_list(struct cli *cli)
{
	return cli_list(cli, "domain.list", json_object(), print_domain, NULL);
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb domain_verbs[] = {
	{ "add", "DOMAIN", "Take mail for a domain.", 1, 1, domain_add },
	{ "remove", "DOMAIN", "Stop; it must have no users and aliases.", 1, 1, domain_remove },
	{ "catch-all", "DOMAIN [ADDRESS]",
	  "Who gets what is for nobody; without ADDRESS it is refused.", 1, 2, domain_catch_all },
	{ "list", "", "List all domains.", 0, 0, domain_list },
	{ 0 },
};

const struct cli_command cmd_domain = {
	.name = "domain",
	.summary = "Domains of ours: add, remove, catch-all, list.",
	.options = options,
	.verbs = domain_verbs,
};

static json_t *alias_request(struct cli *cli)
{
	json_t *targets = json_array();
	for (size_t i = 1; i < cli->word_count; i++)
		json_array_append_new(targets, json_string(cli->words[i]));
	return json_pack("{s:s, s:o}", "address", cli->words[0], "targets", targets);
}

static const char *const kinds[] = { "plain", "hidden", "moved", NULL };

static int alias_add(struct cli *cli)
{
	json_t *request = alias_request(cli);
	for (size_t i = 0; kinds[i]; i++) {
		if (cli_has(cli, kinds[i]))
			json_object_set_new(request, "kind", json_string(kinds[i]));
	}
	return cli_request(cli, "alias.add", request, NULL, NULL);
}

static int alias_remove(struct cli *cli)
{
	return cli_request(cli, "alias.remove", alias_request(cli), NULL, NULL);
}

static void print_alias(const json_t *item, void *unused)
{
	size_t index;
	json_t *target;
	(void)unused;
	printf("%s ->", cli_item_text(item, "address"));
	json_array_foreach(json_object_get(item, "targets"), index, target)
		printf(" %s", json_string_value(target));
	const char *kind = cli_item_text(item, "kind");
	if (kind[0] && !slice_equal(slice_from_str(kind), SLICE("plain")))
		printf(" (%s)", kind);
	putchar('\n');
}

static int alias_list(struct cli *cli)
{
	return cli_list(cli, "alias.list", json_object(), print_alias, NULL);
}

static int alias_import(struct cli *cli)
{
	return sendmail_import(cli, cli->words[0], cli_text(cli, "domain"));
}

static const struct cli_verb alias_verbs[] = {
	{ "add", "[--hidden|--moved|--plain] ADDRESS [TARGET...]",
	  "Send what is for ADDRESS to each TARGET (too).", 1, CLI_ANY_WORDS, alias_add },
	{ "remove", "ADDRESS [TARGET...]", "Take targets away, or the whole alias.", 1,
	  CLI_ANY_WORDS, alias_remove },
	{ "import", "[--domain DOMAIN] FILE", "Take those of a file like /etc/aliases.", 1, 1,
	  alias_import },
	{ "list", "", "List all aliases.", 0, 0, alias_list },
	{ 0 },
};

static const struct cli_option alias_options[] = {
	{ "hidden", 0, NULL, "nobody is told the members (EXPN, VRFY)" },
	{ "moved", 0, NULL, "takes no mail: senders are told the first TARGET instead (551)" },
	{ "plain", 0, NULL, "neither hidden nor moved any more" },
	{ "domain", 0, "DOMAIN", "with import: of names without one (the first of ours)" },
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

const struct cli_command cmd_alias = {
	.name = "alias",
	.summary = "Addresses that lead to others: add, remove, list.",
	.text = "Targets may be users, other aliases, or addresses anywhere. Loops are found when "
		"mail\ncomes. `alias add --hidden ADDRESS` changes an alias that is there.\n",
	.options = alias_options,
	.verbs = alias_verbs,
};
