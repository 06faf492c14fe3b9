/* veredus status, veredus trace, veredus fsck */
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

/* --- trace ------------------------------------------------------------------------------ */

struct trace_print {
	const char *last; /* queue id of the event before */
	struct arena *arena;
};

static void print_event(const json_t *item, void *arg)
{
	struct trace_print *p = arg;
	char date[32];
	const char *queue_id = cli_item_text(item, "queue_id");
	const char *peer = cli_item_text(item, "peer");
	if (!slice_equal(slice_from_str(p->last), slice_from_str(queue_id))) {
		printf("%s  %s\n", queue_id, cli_item_text(item, "message_id"));
		p->last = arena_str(p->arena, slice_from_str(queue_id));
	}
	printf("  %s  %-9s %s%s%s", cli_date(cli_item_number(item, "at_ms"), date),
	       cli_item_text(item, "event"), cli_item_text(item, "address"), peer[0] ? "  " : "",
	       peer);
	printf("%s%s\n", cli_item_text(item, "detail")[0] ? "  " : "",
	       cli_item_text(item, "detail"));
}

static int trace(struct cli *cli)
{
	struct trace_print print = { .last = "", .arena = cli->arena };
	json_t *request = json_object();
	const char *from = cli_text(cli, "from"), *to = cli_text(cli, "to");
	int64_t limit;
	if (!cli_number(cli, "limit", 1, 1000, 20, &limit))
		return CLI_USAGE;
	if (cli->word_count == 0 && !from && !to)
		return cli_usage(cli, "name a message, or give --from or --to");
	if (cli->word_count > 0)
		json_object_set_new(request, "id", json_string(cli->words[0]));
	if (from)
		json_object_set_new(request, "from", json_string(from));
	if (to)
		json_object_set_new(request, "to", json_string(to));
	json_object_set_new(request, "limit", json_integer(limit));
	return cli_list(cli, "trace", request, print_event, &print);
}

static const struct cli_option trace_options[] = {
	{ "from", 0, "ADDRESS", "find messages from this address" },
	{ "to", 0, "ADDRESS", "find messages to this address" },
	{ "limit", 0, "N", "show at most N messages found (20)" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_trace = {
	.name = "trace",
	.summary = "Show what happened to a message.",
	.usage = "[--json] MESSAGE-ID | QUEUE-ID | [--from ADDRESS] [--to ADDRESS] [--limit N]",
	.text = "The queue id stands in the Received field, in the log, and in the reply\n"
		"to who sent the message. --from and --to find messages, the newest first.\n",
	.options = trace_options,
	.max_words = 1,
	.run = trace,
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
