/* The options of mail without a sender. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "bounces", "sign", CONFIG_LIST, NULL, 0, 0,
	  "Patterns of domains of ours whose mail to other hosts goes out with a tag in its reverse-path "
	  "(BATV): { \"example.org\", \"*.example.org\" }. All mail of these domains must go out through "
	  "this server, or reports about the rest are taken for forged.", .at_start = true },
	{ "bounces", "except", CONFIG_LIST, NULL, 0, 0,
	  "Patterns of addresses in these domains that neither get a tag nor need one: those whose mail "
	  "also goes out elsewhere, and those that tell by a tag of their own what a report is about, "
	  "as \"list-*+*@example.org\".", .at_start = true },
	{ "bounces", "plain-for", CONFIG_LIST, NULL, 0, 0,
	  "Patterns of recipients elsewhere whose host must see the plain sender: mailing lists that know "
	  "their members by the reverse-path.", .at_start = true },
	{ "bounces", "valid-for", CONFIG_DURATION, "7d", AT(bounces.valid_ms),
	  "How long a tag is good: as long as other hosts may try to deliver.", .min = DAYS(1),
	  .max = DAYS(100), .at_start = true },
	{ "bounces", "rotate", CONFIG_DURATION, "30d", AT(bounces.rotate_ms),
	  "How long a key makes tags before another takes its place.", .min = DAYS(1),
	  .max = DAYS(3650), .at_start = true },
	{ "bounces", "untagged", CONFIG_CHOICE, "reject", AT(bounces.untagged),
	  "What becomes of mail without a sender that strangers bring for an address of these domains "
	  "without a tag, or with a forged or old one: reject says 550 5.7.1, score adds weight to its "
	  "score.", .choices = { "reject", "score" } },
	{ "bounces", "several-recipients", CONFIG_CHOICE, "later", AT(bounces.several),
	  "What becomes of the second recipient of mail without a sender from a stranger; a report has "
	  "one: later says 452 4.5.3, so that an honest host brings it by itself, score adds weight, "
	  "accept takes it.", .choices = { "later", "score", "accept" } },
	{ "bounces", "weight", CONFIG_TEXT, "4", AT(bounces.weight_text),
	  "What each of these adds to the score." },
};
/* clang-format on */
const struct config_option_table config_options_bounces = CONFIG_OPTION_TABLE(options);
