/* veredus status, veredus fsck */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

/* --- status ----------------------------------------------------------------------------- */

static void print_listeners(const json_t *item)
{
	size_t index;
	json_t *listener;
	json_array_foreach(json_object_get(item, "listeners"), index, listener)
		printf("  %-12s %-24s %lld open, %lld taken, %lld refused\n",
	               cli_item_text(listener, "listener"), cli_item_text(listener, "address"),
	               cli_item_number(listener, "open"), cli_item_number(listener, "accepted"),
	               cli_item_number(listener, "refused"));
}

static void print_status(const json_t *item, void *unused)
{
	char bytes[32];
	bool running = json_is_true(json_object_get(item, "running"));
	(void)unused;
	printf("veredus %s on %s: ", cli_item_text(item, "version"),
	       cli_item_text(item, "hostname"));
	if (running)
		printf("running as process %lld for %lld s\n", cli_item_number(item, "pid"),
		       cli_item_number(item, "uptime_ms") / 1000);
	else
		puts("not running");
	printf("%lld domains, %lld users, %lld aliases\n%lld messages, %s; %lld recipients in the "
	       "queue\n",
	       cli_item_number(item, "domains"), cli_item_number(item, "users"),
	       cli_item_number(item, "aliases"), cli_item_number(item, "messages"),
	       cli_bytes(cli_item_number(item, "bytes"), bytes), cli_item_number(item, "queued"));
	if (json_is_true(json_object_get(item, "store_failed")))
		puts("THE STORE HAS FAILED: nothing is accepted. See the log.");
	print_listeners(item);
}

static int status(struct cli *cli)
{
	return cli_request(cli, "status", json_object(),
	                   cli_has(cli, "json") ? cli_print_json : print_status, NULL);
}

static const struct cli_option json_option[] = {
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_status = {
	.name = "status",
	.summary = "Tell whether the server runs, and how much there is.",
	.usage = "[--json]",
	.options = json_option,
	.run = status,
};

/* --- fsck ------------------------------------------------------------------------------- */

struct fsck_print {
	bool json, found;
	json_t *findings; /* with json */
};

static void print_summary_json(const struct fsck_print *p, const json_t *item)
{
	json_t *summary = json_deep_copy(item);
	json_object_set(summary, "findings", p->findings);
	cli_print_json(summary, NULL);
	json_decref(summary);
}

static void print_finding(const json_t *item, void *arg)
{
	struct fsck_print *p = arg;
	const char *finding = cli_item_text(item, "finding");
	if (finding[0])
		p->found = true;
	if (cli_item_number(item, "damaged") || cli_item_number(item, "missing") ||
	    cli_item_number(item, "wrong_count"))
		p->found = true;
	if (p->json && finding[0])
		json_array_append_new(p->findings, json_string(finding));
	else if (p->json)
		print_summary_json(p, item);
	else if (finding[0])
		puts(finding);
	else
		printf("%lld messages' bytes and %lld rows looked at: %lld with a wrong checksum, "
		       "%lld missing, "
		       "%lld counted wrong\n",
		       cli_item_number(item, "blobs"), cli_item_number(item, "rows"),
		       cli_item_number(item, "damaged"), cli_item_number(item, "missing"),
		       cli_item_number(item, "wrong_count"));
}

static int fsck(struct cli *cli)
{
	struct fsck_print print = { .json = cli_has(cli, "json"), .findings = json_array() };
	int result = cli_request(cli, "fsck", json_object(), print_finding, &print);
	json_decref(print.findings);
	return result == CLI_OK && print.found ? CLI_FOUND : result;
}

const struct cli_command cmd_fsck = {
	.name = "fsck",
	.summary = "Check every row and every byte of the store.",
	.usage = "[--json]",
	.text = "Reads everything, and changes nothing. The exit status is 3 if something is "
		"wrong.\n",
	.options = json_option,
	.run = fsck,
};
