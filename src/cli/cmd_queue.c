/* veredus queue */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

/* A word is a queue id, an address, "@domain" or "all". */
static json_t *selection(const struct cli *cli, const char *word)
{
	json_t *request = json_object();
	const char *from = cli_text(cli, "from");
	if (from)
		json_object_set_new(request, "from", json_string(from));
	if (!word)
		return request;
	if (slice_equal(slice_from_str(word), SLICE("all")))
		json_object_set_new(request, "all", json_true());
	else if (slice_find_byte(slice_from_str(word), '@') >= 0)
		json_object_set_new(request, "to", json_string(word));
	else
		json_object_set_new(request, "id", json_string(word));
	return request;
}

/* --- list ------------------------------------------------------------------------------- */

struct totals {
	long long recipients, messages, bytes;
	char last_id[32];
};

static void print_entry(const json_t *item)
{
	char bytes[32];
	char date[32];
	const char *from = cli_item_text(item, "from");
	const char *last = cli_item_text(item, "last");
	long long due_ms = cli_item_number(item, "due_ms");
	printf("  to %s: %s", cli_item_text(item, "to"), cli_item_text(item, "state"));
	if (due_ms > 0)
		printf(", due %s", cli_date(due_ms, date));
	printf(", %lld attempt%s, %s from <%s>\n", cli_item_number(item, "attempts"),
	       cli_item_number(item, "attempts") == 1 ? "" : "s",
	       cli_bytes(cli_item_number(item, "size"), bytes), from);
	if (last[0])
		printf("      %s\n", last);
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
	json_t *request = selection(cli, cli->word_count > 0 ? cli->words[0] : NULL);
	json_object_set_new(request, "limit", json_integer(limit));
	if (cli_has(cli, "json"))
		return cli_list(cli, "queue.list", request, NULL, NULL);
	int status = cli_request(cli, "queue.list", request, print_item, &t);
	if (status == CLI_OK && t.recipients == 0)
		printf("The queue is empty.\n");
	else if (status == CLI_OK)
		printf("%lld message%s for %lld recipient%s, %s\n", t.messages,
		       t.messages == 1 ? "" : "s", t.recipients, t.recipients == 1 ? "" : "s",
		       cli_bytes(t.bytes, bytes));
	return status;
}

/* --- show ------------------------------------------------------------------------------- */

struct shown {
	struct arena *arena;
	bool begun;
	const char *header; /* of the message, which comes with its first recipient */
};

static void print_shown(const json_t *item, void *arg)
{
	struct shown *s = arg;
	char date[32];
	if (!s->begun) {
		s->begun = true;
		s->header = arena_str(s->arena, slice_from_str(cli_item_text(item, "header")));
		printf("%s  %s\n", cli_item_text(item, "id"),
		       cli_date(cli_item_number(item, "arrived_ms"), date));
		printf("  message-id %s, given up %s\n", cli_item_text(item, "message_id"),
		       cli_date(cli_item_number(item, "expires_ms"), date));
		if (cli_item_text(item, "account")[0])
			printf("  handed in by %s\n", cli_item_text(item, "account"));
		if (cli_item_text(item, "options")[0])
			printf("  asked for: %s\n", cli_item_text(item, "options"));
	}
	print_entry(item);
}

static int queue_show(struct cli *cli)
{
	struct shown shown = { .arena = cli->arena };
	json_t *request = json_pack("{s:s}", "id", cli->words[0]);
	int status = cli_list(cli, "queue.show", request, print_shown, &shown);
	if (shown.header && shown.header[0])
		printf("\n%s", shown.header);
	return status;
}

/* --- acting ----------------------------------------------------------------------------- */

static void print_count(const json_t *item, void *arg)
{
	long long count = cli_item_number(item, "recipients");
	printf("%s: %lld recipient%s\n", (const char *)arg, count, count == 1 ? "" : "s");
}

static int act(struct cli *cli, const char *command, const char *done)
{
	json_t *request = selection(cli, cli->word_count > 0 ? cli->words[0] : NULL);
	return cli_list(cli, command, request, print_count, (void *)(uintptr_t)done);
}

static int queue_retry(struct cli *cli) { return act(cli, "queue.retry", "due now"); }
static int queue_hold(struct cli *cli) { return act(cli, "queue.hold", "held"); }
static int queue_release(struct cli *cli) { return act(cli, "queue.release", "released"); }
static int queue_drop(struct cli *cli) { return act(cli, "queue.drop", "dropped"); }

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON" },
	{ "from", 0, "ADDRESS", "only messages with this reverse-path; <> for reports" },
	{ "limit", 0, "COUNT", "with list: at most so many recipients" },
	{ 0 },
};

#define WHICH "ID|ADDRESS|@DOMAIN|all"

static const struct cli_verb verbs[] = {
	{ "list", "[" WHICH "]", "What waits, for whom, and why.", 0, 1, queue_list },
	{ "show", "ID", "One message with its header.", 1, 1, queue_show },
	{ "retry", WHICH, "Try them now.", 0, 1, queue_retry },
	{ "hold", WHICH, "Do not try them until they are released.", 0, 1, queue_hold },
	{ "release", WHICH, "Try held ones again.", 0, 1, queue_release },
	{ "drop", WHICH, "Remove them; their senders are not told.", 0, 1, queue_drop },
	{ 0 },
};

const struct cli_command cmd_queue = {
	.name = "queue",
	.summary = "Mail on its way to other hosts: list, show, retry, hold, release, drop.",
	.text = "Each recipient of a message is tried by itself. Which ones are meant is said by "
		"the\nid of a message, a recipient's address, @DOMAIN for all of a domain, or "
		"all.\n",
	.options = options,
	.verbs = verbs,
};
