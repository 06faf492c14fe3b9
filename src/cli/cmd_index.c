/* veredus index */
#include <unistd.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

enum { LOOK_AGAIN_US = 500000 };

static json_t *request_of(const struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "account", json_string(cli->words[0]));
	return request;
}

static void add_waiting(const json_t *item, void *arg)
{
	long long *waiting = arg;
	*waiting += cli_item_number(item, "waiting");
}

static void print_one(const json_t *item, void *unused)
{
	char bytes[32];
	(void)unused;
	printf("%-40s %9lld messages, %s", cli_item_text(item, "account"),
	       cli_item_number(item, "messages"), cli_bytes(cli_item_number(item, "bytes"), bytes));
	if (cli_item_number(item, "skipped") > 0)
		printf(", %lld too large", cli_item_number(item, "skipped"));
	if (cli_item_number(item, "waiting") > 0)
		printf(", %lld wait", cli_item_number(item, "waiting"));
	putchar('\n');
}

static int wait_for_index(struct cli *cli)
{
	long long waiting;
	int rc;
	do {
		waiting = 0;
		rc = cli_request(cli, "index.status", request_of(cli), add_waiting, &waiting);
		if (rc == CLI_OK && waiting > 0)
			usleep(LOOK_AGAIN_US);
	} while (rc == CLI_OK && waiting > 0);
	return rc;
}

static int index_status(struct cli *cli)
{
	int rc = cli_has(cli, "wait") ? wait_for_index(cli) : CLI_OK;
	return rc == CLI_OK ? cli_list(cli, "index.status", request_of(cli), print_one, NULL) : rc;
}

static int index_rebuild(struct cli *cli)
{
	return cli_request(cli, "index.rebuild", request_of(cli), NULL, NULL);
}

static const struct cli_option options[] = {
	{ "wait", 0, NULL, "with status: until no message waits; the server must run" },
	{ "json", 0, NULL, "with status: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "status", "[ACCOUNT]", "What is in the index, and what waits to be taken in.", 0, 1,
	  index_status },
	{ "rebuild", "[ACCOUNT]", "Make it anew, in the background.", 0, 1, index_rebuild },
	{ 0 },
};

const struct cli_command cmd_index = {
	.name = "index",
	.summary = "The index of words that makes searches in mail fast: status, rebuild.",
	.text = "Each account has its own, in DIR/index; the running server keeps it up. A search\n"
		"finds the same with and without it. Options of section imap: index,\n"
		"index-max-message, index-share, index-delay.\n",
	.options = options,
	.verbs = verbs,
};
