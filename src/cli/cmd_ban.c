/* veredus ban */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

static int ban_add(struct cli *cli)
{
	const char *for_text = cli_text(cli, "for"), *reason = cli_text(cli, "reason");
	int64_t for_ms = 0;
	if (for_text && (!config_parse_duration(slice_from_str(for_text), &for_ms) || for_ms == 0))
		return cli_usage(cli, "--for: '%s' is no time such as 30m, 4h or 7d", for_text);
	json_t *request = json_pack("{s:s, s:I}", "network", cli->words[0], "for_ms",
	                            (json_int_t)for_ms);
	if (reason)
		json_object_set_new(request, "reason", json_string(reason));
	return cli_request(cli, "ban.add", request, NULL, NULL);
}

static int ban_remove(struct cli *cli)
{
	return cli_request(cli, "ban.remove", json_pack("{s:s}", "network", cli->words[0]), NULL,
	                   NULL);
}

/* "2 h 5 min", to the minute; more is of no use. */
static const char *left_text(long long ms, char out[static 32])
{
	long long minutes = (ms + 59999) / 60000;
	if (minutes >= 48 * 60)
		snprintf(out, 32, "%lld days", minutes / (24 * 60));
	else if (minutes >= 60)
		snprintf(out, 32, "%lld h %lld min", minutes / 60, minutes % 60);
	else
		snprintf(out, 32, "%lld min", minutes);
	return out;
}

static void print_ban(const json_t *item, void *unused)
{
	char begun[32], left[32] = "until lifted";
	(void)unused;
	if (json_is_integer(json_object_get(item, "left_ms")))
		left_text(cli_item_number(item, "left_ms"), left);
	const char *reason = cli_item_text(item, "reason");
	printf("%-24s  %s  %-12s  %s%s%s\n", cli_item_text(item, "network"),
	       cli_date(cli_item_number(item, "begun_ms"), begun), left,
	       json_is_true(json_object_get(item, "by_hand")) ? "by hand" : "by score",
	       reason[0] ? ": " : "", reason);
}

static int ban_list(struct cli *cli)
{
	return cli_list(cli, "ban.list", json_object(), print_ban, NULL);
}

static const struct cli_option options[] = {
	{ "for", 0, "TIME", "with add: for so long (30m, 4h, 7d) instead of until it is lifted" },
	{ "reason", 0, "TEXT", "with add: why, for the list and the log" },
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "add", "NETWORK", "Shut out an address or a network.", 1, 1, ban_add },
	{ "remove", "NETWORK", "Let it in again, and forget what it did.", 1, 1, ban_remove },
	{ "list", "", "Show who is shut out, since when, for how long and why.", 0, 0, ban_list },
	{ 0 },
};

const struct cli_command cmd_ban = {
	.name = "ban",
	.summary = "Clients that are shut out: list, add, remove.",
	.text = "NETWORK is an address or a network in CIDR notation: 192.0.2.1, 192.0.2.0/24,\n"
		"2001:db8::/64. Exempt networks (see section guard of veredus.conf(5)) are let in\n"
		"nevertheless.\n",
	.options = options,
	.verbs = verbs,
};
