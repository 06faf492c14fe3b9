/* veredus fetch */
#include <jansson.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

static json_t *request_of(const struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "domain", cli->words[0]);
	if (cli->word_count > 1)
		json_object_set_new(request, "address", json_string(cli->words[1]));
	return request;
}

static int fetch_add(struct cli *cli)
{
	return cli_request(cli, "fetch.add", request_of(cli), NULL, NULL);
}

static int fetch_remove(struct cli *cli)
{
	return cli_request(cli, "fetch.remove", request_of(cli), NULL, NULL);
}

static void print_fetch(const json_t *item, void *unused)
{
	size_t index;
	json_t *user;
	(void)unused;
	printf("%s <-", cli_item_text(item, "domain"));
	json_array_foreach(json_object_get(item, "users"), index, user)
		printf(" %s", json_string_value(user));
	putchar('\n');
}

static int fetch_list(struct cli *cli)
{
	return cli_list(cli, "fetch.list", json_object(), print_fetch, NULL);
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "add", "DOMAIN ADDRESS", "Keep mail for DOMAIN until the user ADDRESS fetches it.", 2, 2,
	  fetch_add },
	{ "remove", "DOMAIN [ADDRESS]", "No longer, for one user or for all.", 1, 2, fetch_remove },
	{ "list", "", "List all such domains, with who may fetch.", 0, 0, fetch_list },
	{ 0 },
};

const struct cli_command cmd_fetch = {
	.name = "fetch",
	.summary = "Domains elsewhere whose mail waits to be fetched: add, remove, list.",
	.text = "Mail for such a domain is taken from everybody and kept in the queue until a host "
		"asks for\nit by ATRN, on a listener of the kind odmr, or by TURN, having logged "
		"in as the user.\n",
	.options = options,
	.verbs = verbs,
};
