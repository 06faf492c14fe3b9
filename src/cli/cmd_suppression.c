/* veredus suppression */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

static json_t *request_of(const struct cli *cli)
{
	return json_pack("{s:s, s:s}", "scope", cli->words[0], "address", cli->words[1]);
}

static int suppression_add(struct cli *cli)
{
	const char *for_text = cli_text(cli, "for"), *reason = cli_text(cli, "reason");
	int64_t for_ms = 0;
	if (for_text && !config_parse_duration(slice_from_str(for_text), &for_ms))
		return cli_usage(cli, "--for: '%s' is no time such as 4h or 30d", for_text);
	json_t *request = request_of(cli);
	json_object_set_new(request, "for_ms", json_integer(for_ms));
	if (reason)
		json_object_set_new(request, "reason", json_string(reason));
	return cli_request(cli, "suppression.add", request, NULL, NULL);
}

static int suppression_remove(struct cli *cli)
{
	return cli_request(cli, "suppression.remove", request_of(cli), NULL, NULL);
}

static void print_one(const json_t *item, void *unused)
{
	char since[32], until[32] = "until removed";
	(void)unused;
	if (cli_item_number(item, "until_ms") > 0)
		cli_date(cli_item_number(item, "until_ms"), until);
	printf("%s  %s  since %s, %s%s\n    %s\n", cli_item_text(item, "scope"),
	       cli_item_text(item, "address"), cli_date(cli_item_number(item, "since_ms"), since),
	       cli_item_number(item, "until_ms") > 0 ? "until " : "", until,
	       cli_item_text(item, "reason"));
}

static int suppression_list(struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "scope", json_string(cli->words[0]));
	return cli_list(cli, "suppression.list", request, print_one, NULL);
}

static const struct cli_option options[] = {
	{ "for", 0, "TIME", "with add: for so long (4h, 30d) instead of until it is removed" },
	{ "reason", 0, "TEXT", "with add: what the sender is told" },
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "list", "[SCOPE]", "Who is suppressed, since when and why.", 0, 1, suppression_list },
	{ "add", "SCOPE ADDRESS", "Take no more mail for ADDRESS.", 2, 2, suppression_add },
	{ "remove", "SCOPE ADDRESS", "Take it again.", 2, 2, suppression_remove },
	{ 0 },
};

const struct cli_command cmd_suppression = {
	.name = "suppression",
	.summary = "Recipients that bulk mail is not taken for any more: list, add, remove.",
	.text = "SCOPE is the title of a section suppression in veredus.conf(5): a sender's domain "
		"or\n"
		"an account. After a bounce of the class hard the recipient is added by itself.\n",
	.options = options,
	.verbs = verbs,
};
