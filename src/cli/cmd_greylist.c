/* veredus greylist */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

static json_t *text_request(const struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "text", json_string(cli->words[0]));
	return request;
}

/* waits    2026-03-01 10:00:00  192.0.2.0/24  ann@example.org  bob@example.net */
static void print_entry(const json_t *item, void *unused)
{
	char first[32];
	(void)unused;
	printf("%-8s %s  %-20s %s %s", cli_item_text(item, "state"),
	       cli_date(cli_item_number(item, "first_ms"), first), cli_item_text(item, "network"),
	       cli_item_text(item, "from"), cli_item_text(item, "to"));
	if (cli_item_number(item, "count") > 0)
		printf("  passed %lld times", cli_item_number(item, "count"));
	putchar('\n');
}

static int list(struct cli *cli)
{
	return cli_list(cli, "greylist.list", text_request(cli), print_entry, NULL);
}

static void print_released(const json_t *item, void *unused)
{
	(void)unused;
	printf("%lld may come in with the next attempt\n", cli_item_number(item, "released"));
}

static int release(struct cli *cli)
{
	return cli_list(cli, "greylist.release", text_request(cli), print_released, NULL);
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "list", "[TEXT]", "Show who waits and who is known; of TEXT only.", 0, 1, list },
	{ "release", "TEXT", "Let those in who wait, with their next attempt.", 1, 1, release },
	{ 0 },
};

const struct cli_command cmd_greylist = {
	.name = "greylist",
	.summary = "Who was asked to come again: list, release.",
	.text = "TEXT is an address of a client or its network, a sender, a recipient, or a "
		"domain\nof either. Who is \"ready\" has waited, or was released, and may come in "
		"with "
		"the next attempt.\n",
	.options = options,
	.verbs = verbs,
};
