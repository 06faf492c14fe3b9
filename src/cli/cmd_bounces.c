/* veredus bounces */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

static void print_bounce(const json_t *item, void *arg)
{
	char date[32];
	bool *any = arg;
	const char *reporter = cli_item_text(item, "reporter"), *text = cli_item_text(item, "text"),
		   *report = cli_item_text(item, "report_id");
	const char *status = cli_item_text(item, "status");
	if (slice_find(slice_from_str(text), slice_from_str(status)) >= 0)
		status = "";
	*any = true;
	printf("%s  %-9s  %s", cli_date(cli_item_number(item, "at_ms"), date),
	       cli_item_text(item, "class"), cli_item_text(item, "to"));
	printf("  from %s, %s\n", cli_item_text(item, "from"), cli_item_text(item, "queue_id"));
	printf("    %s%s%s", status, status[0] && text[0] ? " " : "", text);
	printf("%s%s%s%s%s\n", reporter[0] ? "  said " : "", reporter, report[0] ? " (in " : "",
	       report, report[0] ? ")" : "");
}

static void set_text(json_t *request, const char *key, const char *text)
{
	if (text)
		json_object_set_new(request, key, json_string(text));
}

static int bounces(struct cli *cli)
{
	const char *since = cli_text(cli, "since");
	int64_t limit, age_ms = 0;
	bool any = false;
	if (!cli_number(cli, "limit", 1, INT64_MAX, 0, &limit))
		return CLI_USAGE;
	if (since && !config_parse_duration(slice_from_str(since), &age_ms))
		return cli_usage(cli, "--since: '%s' is no time such as 30m, 4h or 7d", since);
	json_t *request = json_pack("{s:I, s:I}", "limit", (json_int_t)limit, "age_ms",
	                            (json_int_t)age_ms);
	set_text(request, "class", cli_text(cli, "class"));
	set_text(request, "from", cli_text(cli, "from"));
	set_text(request, "to", cli_text(cli, "to"));
	set_text(request, "id", cli_text(cli, "id"));
	int status = cli_list(cli, "bounces", request, print_bounce, &any);
	if (status == CLI_OK && !any && !cli_has(cli, "json"))
		printf("There are none.\n");
	return status;
}

static const struct cli_option options[] = {
	{ "class", 0, "CLASS", "hard, soft, block, policy or complaint" },
	{ "from", 0, "ADDRESS", "of this sender or account; \"@example.org\": of a domain" },
	{ "to", 0, "ADDRESS", "of this recipient, or \"@example.org\"" },
	{ "id", 0, "ID", "of the message with this queue id" },
	{ "since", 0, "TIME", "not older than that: 30m, 4h, 7d" },
	{ "limit", 0, "COUNT", "at most so many" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_bounces = {
	.name = "bounces",
	.summary = "Mail that failed for good: what other hosts said, then or later.",
	.usage = "[--class CLASS] [--from ADDRESS] [--to ADDRESS] [--id ID] [--since TIME]\n"
		 "    [--limit COUNT] [--json]",
	.text = "The newest first: what next hosts refused, what was given up, and reports and\n"
		"complaints that came back and are about mail that was sent from here. They are\n"
		"kept as long as journeys.\n",
	.options = options,
	.run = bounces,
};
