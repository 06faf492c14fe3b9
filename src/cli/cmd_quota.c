/* veredus quota */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

/* "12 of 100", or "12" without a limit. */
static const char *share(const json_t *item, const char *name, bool bytes, char out[static 80])
{
	const json_t *one = json_object_get(item, name);
	long long used = cli_item_number(one, "used"), limit = cli_item_number(one, "limit");
	char a[32], b[32];
	if (bytes)
		snprintf(out, 80, "%s%s%s", cli_bytes(used, a), limit ? " of " : "",
		         limit ? cli_bytes(limit, b) : "");
	else if (limit)
		snprintf(out, 80, "%lld of %lld", used, limit);
	else
		snprintf(out, 80, "%lld", used);
	return out;
}

static void print_quota(const json_t *item, void *unused)
{
	char storage[80], messages[80], mailboxes[80];
	(void)unused;
	printf("%-32s  %3lld %%  %s, messages %s, mailboxes %s\n", cli_item_text(item, "address"),
	       cli_item_number(item, "percent"), share(item, "storage", true, storage),
	       share(item, "messages", false, messages),
	       share(item, "mailboxes", false, mailboxes));
}

static int quota_show(struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "address", json_string(cli->words[0]));
	return cli_list(cli, "quota.show", request, print_quota, NULL);
}

static bool read_size(struct cli *cli, json_t *request)
{
	const char *text = cli_text(cli, "storage");
	uint64_t bytes;
	if (!text)
		return true;
	if (!config_parse_size(slice_from_str(text), &bytes) || bytes > INT64_MAX) {
		cli_usage(cli, "'%s' is no size: write 500M or 10G; 0 is no limit", text);
		return false;
	}
	json_object_set_new(request, "storage", json_integer((json_int_t)bytes));
	return true;
}

static bool read_count(struct cli *cli, const char *option, int64_t max, json_t *request)
{
	int64_t number;
	if (!cli_number(cli, option, 0, max, -1, &number))
		return false;
	if (number >= 0)
		json_object_set_new(request, option, json_integer(number));
	return true;
}

static int quota_set(struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "address", cli->words[0]);
	if (!read_size(cli, request) || !read_count(cli, "messages", UINT32_MAX, request) ||
	    !read_count(cli, "mailboxes", 10000, request)) {
		json_decref(request);
		return CLI_USAGE;
	}
	if (json_object_size(request) == 1) {
		json_decref(request);
		return cli_usage(cli,
		                 "what is to be set? Say --storage, --messages or --mailboxes");
	}
	return cli_request(cli, "quota.set", request, NULL, NULL);
}

static void print_recount(const json_t *item, void *unused)
{
	static const char *const names[] = { "storage", "messages", "mailboxes" };
	const json_t *before = json_object_get(item, "before");
	bool same = true;
	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long long was = cli_item_number(json_object_get(before, names[i]), "used");
		long long now = cli_item_number(json_object_get(item, names[i]), "used");
		if (was != now)
			printf("%s: %s was %lld, is %lld\n", cli_item_text(item, "address"),
			       names[i], was, now);
		same &= was == now;
	}
	if (same)
		printf("%s: right\n", cli_item_text(item, "address"));
}

static int quota_recount(struct cli *cli)
{
	return cli_list(cli, "quota.recount", json_pack("{s:s}", "address", cli->words[0]),
	                print_recount, NULL);
}

static const struct cli_option options[] = {
	{ "storage", 0, "SIZE", "with set: bytes of all messages, as 500M or 10G; 0 is no limit" },
	{ "messages", 0, "N", "with set: how many messages; 0 is no limit" },
	{ "mailboxes", 0, "N", "with set: how many folders; 0 is no limit" },
	{ "json", 0, NULL, "with show and recount: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "show", "[ADDRESS]", "What accounts hold, and what they may hold.", 0, 1, quota_show },
	{ "set", "ADDRESS", "Change what it may hold; what is not named stays.", 1, 1, quota_set },
	{ "recount", "ADDRESS", "Count its messages anew, and say what was counted wrong.", 1, 1,
	  quota_recount },
	{ 0 },
};

const struct cli_command cmd_quota = {
	.name = "quota",
	.summary = "What accounts hold and may hold: show, set, recount.",
	.text = "Counters change in the same commit as what they count, so recount finds nothing "
		"to\n"
		"mend unless something else wrote to the database.\n",
	.options = options,
	.verbs = verbs,
};
