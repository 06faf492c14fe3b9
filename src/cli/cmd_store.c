/* veredus store */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

static void print_status(const json_t *item, void *unused)
{
	char plain[32], stored[32], waiting[32], files[32], freed[32];
	(void)unused;
	printf("%lld messages of %s take %s: 1 to %.2f\n", cli_item_number(item, "messages"),
	       cli_bytes(cli_item_number(item, "bytes"), plain),
	       cli_bytes(cli_item_number(item, "stored_bytes"), stored),
	       json_number_value(json_object_get(item, "ratio")));
	printf("%lld of them, %s, have not been compressed yet\n", cli_item_number(item, "waiting"),
	       cli_bytes(cli_item_number(item, "waiting_bytes"), waiting));
	printf("%lld segments, %s on disk\n", cli_item_number(item, "segments"),
	       cli_bytes(cli_item_number(item, "segment_bytes"), files));
	if (cli_item_number(item, "freed_bytes") > 0)
		printf("%s were given back\n",
		       cli_bytes(cli_item_number(item, "freed_bytes"), freed));
}

static int ask(struct cli *cli, const char *command)
{
	return cli_request(cli, command, json_object(),
	                   cli_has(cli, "json") ? cli_print_json : print_status, NULL);
}

static int status(struct cli *cli) { return ask(cli, "store.status"); }

static int compress(struct cli *cli) { return ask(cli, "store.compress"); }

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "status", "", "What messages take on disk, and how much smaller they became.", 0, 0,
	  status },
	{ "compress", "", "Compress now what would be later, and give space back.", 0, 0,
	  compress },
	{ 0 },
};

const struct cli_command cmd_store = {
	.name = "store",
	.summary = "The space that messages take: status, compress.",
	.text = "Messages are compressed in the background, a day after their segment was begun:\n"
		"options compress and compress-after of section local in veredus.conf(5). The\n"
		"segment that is being written is not.\n",
	.options = options,
	.verbs = verbs,
};
