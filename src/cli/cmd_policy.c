/* veredus policy */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

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
	if (cli_item_text(item, "reply")[0])
		printf("  %s", cli_item_text(item, "reply"));
	putchar('\n');
	print_held(item, cli_item_text(item, "rule"));
	if (slice_equal(slice_from_str(cli_item_text(item, "verdict")), SLICE("banned")))
		printf("%10s%s\n", "", cli_item_text(item, "why"));
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
	{ "test", "", "What the rules would say to a client, stage by stage, and which of them.", 0,
	  0, policy_test },
	{ 0 },
};

const struct cli_command cmd_policy = {
	.name = "policy",
	.summary = "Who may speak: what the rules would say.",
	.text = "Nothing is counted, and no token of a rate is taken. A server that runs is asked, "
		"with "
		"\nthe rules that it was started with; otherwise nothing is looked up in the "
		"DNS.\n",
	.options = options,
	.verbs = verbs,
};
