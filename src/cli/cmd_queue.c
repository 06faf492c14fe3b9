/* veredus queue list, show, summary */
#include "cli/cli_commands.h"
#include "cli/queue_words.h"

/* --- which ------------------------------------------------------------------------------ */

/* A word is a queue id, an address, "@domain" or "all". */
json_t *queue_words(const struct cli *cli, size_t first)
{
	json_t *request = json_object(), *which = json_array();
	if (cli_has(cli, "all"))
		json_object_set_new(request, "all", json_true());
	for (size_t i = first; i < cli->word_count; i++) {
		if (slice_equal(slice_from_str(cli->words[i]), SLICE("all")))
			json_object_set_new(request, "all", json_true());
		else
			json_array_append_new(which, json_string(cli->words[i]));
	}
	json_object_set_new(request, "which", which);
	cli_put_text(cli, "domain", request);
	cli_put_text(cli, "from", request);
	cli_put_text(cli, "reason", request);
	cli_put_text(cli, "state", request);
	if (cli_put_age(cli, "older", "older_ms", request) &&
	    cli_put_age(cli, "newer", "newer_ms", request))
		return request;
	json_decref(request);
	return NULL;
}

/* The queue may be full of others. */
static void print_nothing(const struct cli *cli)
{
	static const char *const options[] = {
		"domain", "from", "reason", "state", "older", "newer"
	};
	bool chosen = false;
	for (size_t i = 0; i < cli->word_count; i++)
		chosen |= !slice_equal(slice_from_str(cli->words[i]), SLICE("all"));
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		chosen |= cli_has(cli, options[i]);
	puts(chosen ? "Nothing in the queue is meant by that." : "The queue is empty.");
}

/* --- list ------------------------------------------------------------------------------- */

struct totals {
	long long recipients, messages, bytes;
	char last_id[32];
};

/* "4.4.1 mx.example.test: connection refused", without saying twice what the reply says. */
static void print_last(const json_t *item, const char *indent)
{
	const char *last = cli_item_text(item, "last"),
		   *status = cli_item_text(item, "last_status");
	const char *peer = cli_item_text(item, "last_peer");
	bool said = slice_find(slice_from_str(last), slice_from_str(status)) >= 0;
	if (last[0])
		printf("%s%s%s%s%s%s%s\n", indent, said ? "" : status, said ? "" : " ", last,
		       peer[0] ? " (" : "", peer, peer[0] ? ")" : "");
}

static void print_entry(const json_t *item)
{
	char bytes[32];
	char date[32];
	const char *from = cli_item_text(item, "from"), *way = cli_item_text(item, "reroute");
	long long due_ms = cli_item_number(item, "due_ms");
	printf("  to %s: %s", cli_item_text(item, "to"), cli_item_text(item, "state"));
	if (due_ms > 0)
		printf(", due %s", cli_date(due_ms, date));
	if (way[0])
		printf(", by way of %s", way);
	printf(", %lld attempt%s, %s from <%s>\n", cli_item_number(item, "attempts"),
	       cli_item_number(item, "attempts") == 1 ? "" : "s",
	       cli_bytes(cli_item_number(item, "size"), bytes), from);
	print_last(item, "      ");
}

static void print_item(const json_t *item, void *arg)
{
	struct totals *t = arg;
	const char *id = cli_item_text(item, "id");
	char date[32];
	t->recipients++;
	if (!slice_equal(slice_from_str(id), slice_from_str(t->last_id))) {
		t->messages++;
		t->bytes += cli_item_number(item, "size");
		snprintf(t->last_id, sizeof(t->last_id), "%s", id);
		printf("%s  %s\n", id, cli_date(cli_item_number(item, "arrived_ms"), date));
	}
	print_entry(item);
}

static int queue_list(struct cli *cli)
{
	struct totals t = { 0 };
	char bytes[32];
	int64_t limit;
	if (!cli_number(cli, "limit", 0, INT64_MAX, 0, &limit))
		return CLI_USAGE;
	json_t *request = queue_words(cli, 0);
	if (!request)
		return CLI_USAGE;
	json_object_set_new(request, "limit", json_integer(limit));
	if (cli_has(cli, "json"))
		return cli_list(cli, "queue.list", request, NULL, NULL);
	int status = cli_request(cli, "queue.list", request, print_item, &t);
	if (status == CLI_OK && t.recipients == 0)
		print_nothing(cli);
	else if (status == CLI_OK)
		printf("%lld message%s for %lld recipient%s, %s%s\n", t.messages,
		       t.messages == 1 ? "" : "s", t.recipients, t.recipients == 1 ? "" : "s",
		       cli_bytes(t.bytes, bytes),
		       t.recipients == limit ? "; there may be more" : "");
	return status;
}

/* --- summary ---------------------------------------------------------------------------- */

static void print_group(const json_t *item, void *arg)
{
	char date[32];
	const char *name = cli_item_text(item, "name");
	long long due_ms = cli_item_number(item, "due_ms");
	char count[96];
	(*(size_t *)arg)++;
	printf("%s: %s", name[0] ? name : "all others", queue_count_text(item, count));
	static const char *const states[] = { "active", "held", "scheduled" };
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (cli_item_number(item, states[i]) > 0)
			printf(", %lld %s", cli_item_number(item, states[i]), states[i]);
	}
	printf("\n    oldest %s", cli_date(cli_item_number(item, "oldest_ms"), date));
	if (due_ms > 0)
		printf(", next attempt %s", cli_date(due_ms, date));
	putchar('\n');
	print_last(item, "    ");
}

static int queue_summary(struct cli *cli)
{
	size_t count = 0;
	int64_t limit;
	if (!cli_number(cli, "limit", 0, INT64_MAX, 0, &limit))
		return CLI_USAGE;
	json_t *request = queue_words(cli, 0);
	if (!request)
		return CLI_USAGE;
	json_object_set_new(request, "limit", json_integer(limit));
	cli_put_text(cli, "by", request);
	int status = cli_list(cli, "queue.summary", request, print_group, &count);
	if (status == CLI_OK && count == 0 && !cli_has(cli, "json"))
		print_nothing(cli);
	return status;
}

/* --- show ------------------------------------------------------------------------------- */

struct shown {
	struct arena *arena;
	bool begun, has_events;
	const char *header; /* of the message, which comes with its first recipient */
};

static void print_message(struct shown *s, const json_t *item)
{
	char date[32];
	s->begun = true;
	s->header = arena_str(s->arena, slice_from_str(cli_item_text(item, "header")));
	printf("%s  %s\n", cli_item_text(item, "id"),
	       cli_date(cli_item_number(item, "arrived_ms"), date));
	printf("  message-id %s\n", cli_item_text(item, "message_id"));
	if (cli_item_text(item, "account")[0])
		printf("  handed in by %s\n", cli_item_text(item, "account"));
	if (cli_item_text(item, "options")[0])
		printf("  asked for: %s\n", cli_item_text(item, "options"));
}

/* Recipients, then events. */
static void print_shown(const json_t *item, void *arg)
{
	struct shown *s = arg;
	char date[32];
	if (cli_item_text(item, "event")[0]) {
		if (!s->has_events)
			printf("\n%s\n", s->header);
		s->has_events = true;
		cli_print_event(item);
		return;
	}
	if (!s->begun)
		print_message(s, item);
	print_entry(item);
	printf("      given up %s\n", cli_date(cli_item_number(item, "expires_ms"), date));
}

static int queue_show(struct cli *cli)
{
	struct shown shown = { .arena = cli->arena, .header = "" };
	json_t *request = json_pack("{s:s}", "id", cli->words[0]);
	int status = cli_list(cli, "queue.show", request, print_shown, &shown);
	if (!shown.has_events && shown.header[0])
		printf("\n%s", shown.header);
	return status;
}

/* --- the command ------------------------------------------------------------------------ */

static const struct cli_option options[] = {
	{ "domain", 0, "DOMAIN", "only recipients there; .DOMAIN is all below it" },
	{ "from", 0, "ADDRESS", "only messages of this sender, or @DOMAIN; <> for reports" },
	{ "older", 0, "TIME", "only what arrived longer ago than that (30m, 4h, 7d)" },
	{ "newer", 0, "TIME", "only what arrived since" },
	{ "reason", 0, "TEXT", "only where the last reply has that in it, or its code (4.4.1)" },
	{ "state", 0, "STATE", "only what is waiting, active, held or scheduled" },
	{ "all", 0, NULL, "the whole queue; as the word all" },
	{ "yes", 'y', NULL, "do not ask" },
	{ "dry-run", 'n', NULL, "only tell how many there are" },
	{ "by", 0, "WHAT", "with summary: by destination, domain or sender" },
	{ "limit", 0, "COUNT", "with list and summary: at most so many" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

#define WHICH "[ID|ADDRESS|@DOMAIN|all]..."

static const struct cli_verb verbs[] = {
	{ "list", WHICH, "What waits, for whom, and why.", 0, CLI_ANY_WORDS, queue_list },
	{ "summary", WHICH, "How much waits for each destination, and why.", 0, CLI_ANY_WORDS,
	  queue_summary },
	{ "show", "ID", "One message with its header and its history.", 1, 1, queue_show },
	{ "retry", WHICH, "Try them now.", 0, CLI_ANY_WORDS, queue_retry },
	{ "hold", WHICH, "Do not try them until they are released.", 0, CLI_ANY_WORDS, queue_hold },
	{ "release", WHICH, "Try held ones again.", 0, CLI_ANY_WORDS, queue_release },
	{ "drop", WHICH, "Remove them; their senders are not told.", 0, CLI_ANY_WORDS, queue_drop },
	{ "bounce", WHICH, "Return them to their senders now.", 0, CLI_ANY_WORDS, queue_bounce },
	{ "reroute", "WAY " WHICH, "Send them another way: a domain's, or HOST:PORT; - undoes it.",
	  1, CLI_ANY_WORDS, queue_reroute },
	{ 0 },
};

const struct cli_command cmd_queue = {
	.name = "queue",
	.summary = "Mail on its way to other hosts: what waits, and what to do with it.",
	.text = "Each recipient of a message is tried by itself. Which ones are meant is said by\n"
		"ids of messages, addresses of recipients, @DOMAIN for all of a domain, or all;\n"
		"and options, which must all agree. What can't be taken back asks first, and\n"
		"without a terminal needs --yes. See veredus-queue(8).\n",
	.options = options,
	.verbs = verbs,
};
