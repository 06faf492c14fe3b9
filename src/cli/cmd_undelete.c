/* veredus undelete */
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

/* NULL after a message. */
static json_t *request_of(struct cli *cli)
{
	static const char *const texts[] = { "folder", "message", "to" };
	const char *since = cli_text(cli, "since"), *uid = cli_text(cli, "uid");
	json_t *request = json_pack("{s:s}", "account", cli->words[0]);
	int64_t age_ms;
	uint64_t number;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (cli_text(cli, texts[i]))
			json_object_set_new(request, texts[i],
			                    json_string(cli_text(cli, texts[i])));
	}
	if (since && !config_parse_duration(slice_from_str(since), &age_ms)) {
		cli_usage(cli, "--since: '%s' is no time such as 4h or 2d", since);
	} else if (uid && !slice_to_u64(slice_from_str(uid), &number)) {
		cli_usage(cli, "--uid: '%s' is no number", uid);
	} else {
		if (since)
			json_object_set_new(request, "since_ms",
			                    json_integer(clock_wall_ms() - age_ms));
		if (uid)
			json_object_set_new(request, "uid", json_integer((json_int_t)number));
		return request;
	}
	json_decref(request);
	return NULL;
}

static void print_one(const json_t *item, void *unused)
{
	char when[32], bytes[32];
	(void)unused;
	printf("%s %s%s, UID %lld, %s\n    %s  %s\n",
	       cli_date(cli_item_number(item, "expunged_ms"), when), cli_item_text(item, "folder"),
	       json_is_true(json_object_get(item, "folder_deleted")) ? " (deleted)" : "",
	       cli_item_number(item, "uid"), cli_bytes(cli_item_number(item, "bytes"), bytes),
	       cli_item_text(item, "from"), cli_item_text(item, "subject"));
}

static void count_one(const json_t *item, void *arg)
{
	long long *count = arg;
	(void)item;
	++*count;
}

static void print_done(const json_t *item, void *unused)
{
	(void)unused;
	printf("%lld messages brought back\n", cli_item_number(item, "messages"));
}

/* CLI_OK: go on. */
static int confirm(const struct cli *cli, const json_t *request)
{
	char answer[16];
	long long count = 0;
	if (cli_has(cli, "yes"))
		return CLI_OK;
	int rc = cli_request(cli, "undelete.list", json_deep_copy(request), count_one, &count);
	if (rc != CLI_OK || count == 0)
		return rc;
	if (!isatty(STDIN_FILENO))
		return cli_fail("%lld messages: not done without --yes", count);
	fprintf(stderr, "Bring back %lld messages? [y/N] ", count);
	bool yes = fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
	return yes ? CLI_OK : cli_fail("nothing was changed");
}

static int undelete(struct cli *cli)
{
	json_t *request = request_of(cli);
	if (!request)
		return CLI_USAGE;
	if (cli_has(cli, "list"))
		return cli_list(cli, "undelete.list", request, print_one, NULL);
	int rc = confirm(cli, request);
	if (rc != CLI_OK) {
		json_decref(request);
		return rc;
	}
	return cli_request(cli, "undelete.run", request,
	                   cli_has(cli, "json") ? cli_print_json : print_done, NULL);
}

static const struct cli_option options[] = {
	{ "folder", 'f', "NAME", "what was in this folder" },
	{ "since", 's', "TIME", "what was expunged in the last 4h, 2d ..." },
	{ "message", 'm', "MESSAGE-ID", "the message with this id, brackets included" },
	{ "uid", 'u', "NUMBER", "the one that had this UID" },
	{ "to", 't', "NAME", "into this folder, and not where it was" },
	{ "list", 'l', NULL, "only tell what could be brought back" },
	{ "yes", 'y', NULL, "without asking" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_undelete = {
	.name = "undelete",
	.summary = "Bring back messages that were expunged, or whose folder was deleted.",
	.usage = "[OPTION...] ACCOUNT",
	.text = "They come back with their flags and dates and new UIDs. How long that can be "
		"done\n"
		"is keep-expunged of section local in veredus.conf(5).\n",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = undelete,
};
