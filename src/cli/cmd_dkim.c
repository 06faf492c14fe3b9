/* veredus dkim */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/dns_wish.h"

enum { INDENT = 8 };

static void print_new(const json_t *item, void *arg)
{
	(void)arg;
	printf("; %s, %lld bits, %s\n", cli_item_text(item, "algorithm"),
	       cli_item_number(item, "bits"), cli_item_text(item, "state"));
	dns_wish_print_record(cli_item_text(item, "name"), "TXT", cli_item_text(item, "record"));
}

static json_t *request_of(const struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "domain", json_string(cli->words[0]));
	if (cli->word_count > 1)
		json_object_set_new(request, "selector", json_string(cli->words[1]));
	return request;
}

static int make(struct cli *cli, const char *command)
{
	int64_t bits;
	json_t *request = request_of(cli);
	if (!cli_number(cli, "bits", 0, 1 << 20, 0, &bits))
		return CLI_USAGE;
	if (bits > 0)
		json_object_set_new(request, "bits", json_integer(bits));
	if (cli_text(cli, "algorithm"))
		json_object_set_new(request, "algorithm", json_string(cli_text(cli, "algorithm")));
	if (cli_text(cli, "selector"))
		json_object_set_new(request, "selector", json_string(cli_text(cli, "selector")));
	json_object_set_new(request, "now", json_boolean(cli_has(cli, "now")));
	return cli_list(cli, command, request, print_new, NULL);
}

static int create(struct cli *cli) { return make(cli, "dkim.create"); }
static int rotate(struct cli *cli) { return make(cli, "dkim.rotate"); }

static void print_key(const json_t *item, void *arg)
{
	char created[32], until[32];
	(void)arg;
	printf("%-24s  %-16s  %-14s  %-7s  %s", cli_item_text(item, "domain"),
	       cli_item_text(item, "selector"), cli_item_text(item, "algorithm"),
	       cli_item_text(item, "state"),
	       cli_date(cli_item_number(item, "created_ms"), created));
	if (cli_item_number(item, "until_ms") > 0)
		printf("  in the DNS until %s", cli_date(cli_item_number(item, "until_ms"), until));
	putchar('\n');
}

static int list(struct cli *cli)
{
	return cli_list(cli, "dkim.list", request_of(cli), print_key, NULL);
}

static int show(struct cli *cli)
{
	return cli_list(cli, "dkim.list", request_of(cli), print_new, NULL);
}

struct check {
	size_t wrong;
};

static void print_checked(const json_t *item, void *arg)
{
	struct check *c = arg;
	const char *dns = cli_item_text(item, "dns");
	bool good = slice_equal(slice_from_str(dns), SLICE("published"));
	c->wrong += !good;
	printf("%-40s  %-7s  %s%s\n", cli_item_text(item, "name"), cli_item_text(item, "state"),
	       dns, json_is_true(json_object_get(item, "activated")) ? ", signs from now on" : "");
	if (good)
		return;
	if (cli_item_text(item, "found")[0])
		printf("%*sis there: %s\n", INDENT, "", cli_item_text(item, "found"));
	dns_wish_print_record(cli_item_text(item, "name"), "TXT", cli_item_text(item, "record"));
}

static int check(struct cli *cli)
{
	struct check c = { 0 };
	int status = cli_list(cli, "dkim.check", request_of(cli), print_checked, &c);
	return status == CLI_OK && c.wrong > 0 ? CLI_FOUND : status;
}

static int activate(struct cli *cli)
{
	return cli_request(cli, "dkim.activate", request_of(cli), NULL, NULL);
}

static int remove_key(struct cli *cli)
{
	return cli_request(cli, "dkim.remove", request_of(cli), NULL, NULL);
}

static const struct cli_option options[] = {
	{ "selector", 0, "NAME",
	  "of the new keys (create, rotate); default: their kind and the day" },
	{ "algorithm", 0, "KIND", "only one key: rsa or ed25519 (create, rotate)" },
	{ "bits", 0, "NUMBER", "of the RSA key: 2048 to 4096 (create, rotate)" },
	{ "now", 0, NULL, "sign at once, without waiting for the DNS (create, rotate)" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "create", "DOMAIN", "Make its first keys, and print the records to publish.", 1, 1,
	  create },
	{ "list", "[DOMAIN]", "Show the keys, and which of them sign.", 0, 1, list },
	{ "show", "DOMAIN [SELECTOR]", "Print the records to publish.", 1, 2, show },
	{ "rotate", "DOMAIN", "Make new keys, which follow once they are in the DNS.", 1, 1,
	  rotate },
	{ "check", "[DOMAIN]", "Ask the DNS for the records; keys that are there begin to sign.", 0,
	  1, check },
	{ "activate", "DOMAIN SELECTOR", "Let a key sign whatever the DNS says.", 2, 2, activate },
	{ "remove", "DOMAIN [SELECTOR]", "Forget a key, or all of a domain.", 1, 2, remove_key },
	{ 0 },
};

const struct cli_command cmd_dkim = {
	.name = "dkim",
	.summary = "Keys with which domains sign the mail of their users.",
	.text = "A domain has a key of each kind, RSA and Ed25519, and signs with both. New keys "
		"wait "
		"until\ntheir records are in the DNS: `veredus dkim check` asks, and the server "
		"does "
		"each hour.\nThen they sign, and those before them are old: leave their records "
		"for "
		"as long as `list`\nsays. With check, exit status 3 says that a record is not as "
		"it "
		"should be.\n",
	.options = options,
	.verbs = verbs,
};
