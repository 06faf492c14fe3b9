/* veredus account */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

static json_t *address_request(const struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "address", json_string(cli->words[0]));
	return request;
}

/* "12 of 1000", or "12" without a limit. */
static const char *share(const json_t *item, const char *name, const char *limit_name,
                         char out[static 64])
{
	long long used = cli_item_number(item, name), limit = cli_item_number(item, limit_name);
	if (limit > 0)
		snprintf(out, 64, "%lld of %lld", used, limit);
	else
		snprintf(out, 64, "%lld", used);
	return out;
}

static void print_limits(const json_t *item, void *unused)
{
	char hour[64], day[64], networks[64], since[32];
	(void)unused;
	printf("%-32s  %s", cli_item_text(item, "address"), cli_item_text(item, "standing"));
	if (cli_item_text(item, "why")[0])
		printf(" since %s: %s", cli_date(cli_item_number(item, "since_ms"), since),
		       cli_item_text(item, "why"));
	printf("\n    recipients %s in an hour, %s in a day; networks %s; bounces %lld",
	       share(item, "hour", "hour_limit", hour), share(item, "day", "day_limit", day),
	       share(item, "networks", "networks_limit", networks),
	       cli_item_number(item, "bounces"));
	if (cli_item_number(item, "refused") > 0)
		printf("; refused %lld", cli_item_number(item, "refused"));
	if (cli_item_number(item, "countries_limit") > 0)
		printf("; countries %s", share(item, "countries", "countries_limit", hour));
	putchar('\n');
}

static int limits(struct cli *cli)
{
	return cli_list(cli, "limits.show", address_request(cli), print_limits, NULL);
}

static int release(struct cli *cli)
{
	return cli_request(cli, "limits.release", address_request(cli), NULL, NULL);
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with limits: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "limits", "[ADDRESS]",
	  "What an account has sent, and may; or those that are slowed or held.", 0, 1, limits },
	{ "release", "ADDRESS", "Let it send again, and count anew.", 1, 1, release },
	{ 0 },
};

const struct cli_command cmd_account = {
	.name = "account",
	.summary = "Accounts that send too much: limits, release.",
	.text = "Section account-limits of veredus.conf(5) says what is too much. What was held of "
		"an\naccount stays in the queue: `veredus queue release --from ADDRESS` sends "
		"it,\n`veredus queue drop --from ADDRESS` throws it away.\n",
	.options = options,
	.verbs = verbs,
};
