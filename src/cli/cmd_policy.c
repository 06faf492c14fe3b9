/* veredus policy */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_file.h"
#include "cli/cli_link.h"
#include "message/shown.h"

static json_t *recipients(const struct cli *cli)
{
	json_t *to = json_array();
	const char *text;
	size_t position = 0;
	while ((text = cli_next_text(cli, "to", &position)))
		json_array_append_new(to, json_string(text));
	return to;
}

static void print_held(const json_t *item, const char *decided)
{
	size_t index;
	json_t *held;
	json_array_foreach(json_object_get(item, "held"), index, held)
	{
		const char *rule = cli_item_text(held, "rule"), *why = cli_item_text(held, "why");
		printf("%10s%s \"%s\"%s%s\n", "",
		       slice_equal(slice_from_str(rule), slice_from_str(decided)) ? "by rule"
		                                                                  : "rule",
		       rule, why[0] ? ": " : ": always", why);
	}
}

static const char *clean_of(struct arena *arena, const json_t *item, const char *key)
{
	return shown_text(arena, slice_from_str(cli_item_text(item, key)), false).data;
}

/* dmarc     junk  example.org */
static void print_message_why(const json_t *item)
{
	struct slice stage = slice_from_str(cli_item_text(item, "stage"));
	struct arena *arena = arena_new();
	if (slice_equal(stage, SLICE("dmarc")) || slice_equal(stage, SLICE("score")) ||
	    slice_equal(stage, SLICE("filters")))
		printf("  %s", clean_of(arena, item, "why"));
	arena_free(arena);
}

/*             4.00  list.zen  192.0.2.1: 127.0.0.2 */
static void print_lines(const json_t *item)
{
	struct arena *arena = arena_new();
	size_t i;
	const json_t *line;
	json_array_foreach(json_object_get(item, "lines"), i, line)
		printf("%10s%6s  %s  %s\n", "", cli_item_text(line, "weight"),
	               clean_of(arena, line, "name"), clean_of(arena, line, "evidence"));
	arena_free(arena);
}

/* connect   reject   554 5.7.1 Not from there
 *           by rule "bad network": client 192.0.2.0/24 */
static void print_stage(const json_t *item, void *unused)
{
	size_t index;
	json_t *tag;
	(void)unused;
	printf("%-8s  %s", cli_item_text(item, "stage"), cli_item_text(item, "verdict"));
	if (cli_item_text(item, "to")[0])
		printf("  to %s", cli_item_text(item, "to"));
	if (cli_item_number(item, "delay_ms") > 0)
		printf("  after %lld ms", cli_item_number(item, "delay_ms"));
	json_array_foreach(json_object_get(item, "tags"), index, tag)
		printf("%s%s", index ? ", " : "  tagged ", json_string_value(tag));
	if (cli_item_text(item, "quarantine")[0])
		printf("  into quarantine");
	if (cli_item_text(item, "reply")[0])
		printf("  %s", cli_item_text(item, "reply"));
	print_message_why(item);
	putchar('\n');
	print_lines(item);
	print_held(item, cli_item_text(item, "rule"));
	if (slice_equal(slice_from_str(cli_item_text(item, "verdict")), SLICE("banned")))
		printf("%10s%s\n", "", cli_item_text(item, "why"));
}

static void add_json(const json_t *item, void *items)
{
	json_array_append_new(items, json_deep_copy(item));
}

/* With the bytes of the message behind it. request is freed. */
static int test_message(struct cli *cli, json_t *request)
{
	bool as_json = cli_has(cli, "json");
	json_t *items = json_array();
	const struct cli_answer answer = { .item = as_json ? add_json : print_stage, .arg = items };
	struct cli_link *link = NULL;
	struct slice message;
	int status = cli_read_message(cli->arena, cli->words[0], &message);
	if (status == CLI_OK)
		status = cli_link_open(cli, &link);
	if (status == CLI_OK)
		status = cli_link_call(link, "policy.test", request, &message, 1, &answer);
	else
		json_decref(request);
	cli_link_close(link);
	if (status == CLI_OK && as_json) {
		json_dumpf(items, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(items);
	return status;
}

static int policy_test(struct cli *cli)
{
	static const char *const texts[] = { "client", "listener", "helo", "rdns", "user", "from" };
	if (!cli_text(cli, "client"))
		return cli_usage(cli, "whose mail? say --client ADDRESS");
	json_t *request = json_pack("{s:o, s:b}", "to", recipients(cli), "tls",
	                            (int)cli_has(cli, "tls"));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (cli_text(cli, texts[i]))
			json_object_set_new(request, texts[i],
			                    json_string(cli_text(cli, texts[i])));
	}
	if (cli->word_count > 0)
		return test_message(cli, request);
	return cli_list(cli, "policy.test", request, print_stage, NULL);
}

static const struct cli_option options[] = {
	{ "client", 0, "ADDRESS", "of the client: 192.0.2.1" },
	{ "listener", 0, "NAME", "title of the listen section that it comes to; default smtp" },
	{ "helo", 0, "NAME", "that it gives with HELO or EHLO" },
	{ "rdns", 0, "NAME",
	  "that its address leads to, or none, unconfirmed, unknown; default: asked" },
	{ "tls", 0, NULL, "the connection is encrypted" },
	{ "user", 0, "ADDRESS", "it has logged in as" },
	{ "from", 0, "ADDRESS", "sender; '' is <>" },
	{ "to", 0, "ADDRESS", "recipient; may be given again" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "test", "[FILE]",
	  "What the rules would say to a client, stage by stage, and what would become of FILE.", 0,
	  1, policy_test },
	{ 0 },
};

const struct cli_command cmd_policy = {
	.name = "policy",
	.summary = "Who may speak: what the rules would say.",
	.text = "Nothing is counted, and no token of a rate is taken. A server that runs is asked, "
		"with\nthe rules that it was started with; otherwise nothing is looked up in the "
		"DNS. FILE\nis a message: it is checked and scored as one that comes, for which "
		"the server must run.\nFilters are not asked: \"filters  unasked\" "
		"names those that would be.\n",
	.options = options,
	.verbs = verbs,
};
