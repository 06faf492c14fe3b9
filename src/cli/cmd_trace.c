/* veredus trace */
#include <time.h>

#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "config/config_options.h"

struct trace_print {
	const char *last; /* queue id of the event before */
	struct arena *arena;
};

void cli_print_event(const json_t *item)
{
	char date[32];
	const char *peer = cli_item_text(item, "peer");
	const char *detail = cli_item_text(item, "detail");
	printf("  %s  %-9s %s%s%s%s%s\n", cli_date(cli_item_number(item, "at_ms"), date),
	       cli_item_text(item, "event"), cli_item_text(item, "address"), peer[0] ? "  " : "",
	       peer, detail[0] ? "  " : "", detail);
}

/* What was refused by a code has no journey. */
static void print_refusal(const json_t *item)
{
	static const char *const names[] = { "client", "helo",  "account", "from",
		                             "to",     "reply", "checked", "scored" };
	char date[32];
	printf("%s  %s  refused at stage %s by %s\n", cli_item_text(item, "code"),
	       cli_date(cli_item_number(item, "at_ms"), date), cli_item_text(item, "stage"),
	       cli_item_text(item, "by"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cli_item_text(item, names[i])[0])
			printf("  %-8s %s\n", names[i], cli_item_text(item, names[i]));
	}
}

static void print_event(const json_t *item, void *arg)
{
	struct trace_print *p = arg;
	if (cli_item_text(item, "code")[0]) {
		print_refusal(item);
		return;
	}
	const char *queue_id = cli_item_text(item, "queue_id");
	if (!slice_equal(slice_from_str(p->last), slice_from_str(queue_id))) {
		printf("%s  %s\n", queue_id, cli_item_text(item, "message_id"));
		p->last = arena_str(p->arena, slice_from_str(queue_id));
	}
	cli_print_event(item);
}

/* "2h" is so long ago; "2026-03-01" and "2026-03-01 10:00" are local time. */
static bool take_time(const struct cli *cli, const char *option, const char *key, json_t *request)
{
	static const char *const forms[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
		                             "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	const char *text = cli_text(cli, option);
	int64_t ms = 0;
	if (!text)
		return true;
	if (config_parse_duration(slice_from_str(text), &ms))
		ms = clock_wall_ms() - ms;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && ms == 0; i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		if (end && !*end)
			ms = (int64_t)mktime(&tm) * 1000;
	}
	json_object_set_new(request, key, json_integer(ms));
	if (ms > 0)
		return true;
	cli_usage(cli, "--%s: '%s' is neither a time such as 2h nor a date such as 2026-03-01",
	          option, text);
	return false;
}

static int trace(struct cli *cli)
{
	struct trace_print print = { .last = "", .arena = cli->arena };
	const char *from = cli_text(cli, "from"), *to = cli_text(cli, "to");
	int64_t limit;
	if (!cli_number(cli, "limit", 1, 1000, 20, &limit))
		return CLI_USAGE;
	bool timed = cli_has(cli, "since") || cli_has(cli, "until");
	if (cli->word_count == 0 && !from && !to && !timed)
		return cli_usage(cli, "name a message, or give --from, --to, --since or --until");
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "id", json_string(cli->words[0]));
	if (from)
		json_object_set_new(request, "from", json_string(from));
	if (to)
		json_object_set_new(request, "to", json_string(to));
	json_object_set_new(request, "limit", json_integer(limit));
	if (!take_time(cli, "since", "since_ms", request) ||
	    !take_time(cli, "until", "until_ms", request)) {
		json_decref(request);
		return CLI_USAGE;
	}
	int status = cli_list(cli, "trace", request, print_event, &print);
	if (status == CLI_OK && cli->word_count == 0 && !print.last[0] && !cli_has(cli, "json"))
		puts("Nothing is known of such mail; --from and --to are whole addresses.");
	return status;
}

static const struct cli_option trace_options[] = {
	{ "from", 0, "ADDRESS", "find messages from this address" },
	{ "to", 0, "ADDRESS", "find messages to this address" },
	{ "since", 0, "TIME", "find what came since: 2h ago, or a date" },
	{ "until", 0, "TIME", "find what came before that" },
	{ "limit", 0, "N", "show at most N messages found (20)" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

const struct cli_command cmd_trace = {
	.name = "trace",
	.summary = "Show what happened to a message.",
	.usage = "[--json] MESSAGE-ID | QUEUE-ID | CODE | [--from ADDRESS] [--to ADDRESS] [--since "
		 "TIME] "
		 "[--until TIME] [--limit N]",
	.text = "The queue id stands in the Received field, in the log, and in the reply\n"
		"to who sent the message; CODE (\"ref\") in the reply to who was refused. "
		"The\noptions find messages, the newest first.\n",
	.options = trace_options,
	.max_words = 1,
	.run = trace,
};
