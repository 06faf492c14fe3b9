/* The options of lists in the DNS, and of what scores come to. */
#include "config/config_lists.h"
#include "config/config_options_table.h"

#define AT_LIST(member) WHERE(struct config_dns_list_text, member)

/* clang-format off */
static const struct config_option options[] = {
	{ "dns-list", "zone", CONFIG_TEXT, NULL, AT_LIST(zone),
	  "The domain of the list: \"bl.example.org\"." },
	{ "dns-list", "ask", CONFIG_LIST, NULL, 0, 0,
	  "What it is asked about: client (its address), name (its confirmed name), helo, sender (the "
	  "domain), links (domains in the text), link-addresses (links to an address). Default: "
	  "{ client }." },
	{ "dns-list", "answers", CONFIG_LIST, NULL, 0, 0,
	  "Answers that count, and what each weighs: { \"127.0.0.2\", \"127.0.0.4-127.0.0.7=3.5\", "
	  "\"127.0.1.0/24\", \"&0.0.0.8=2\" }, the last for all that have that bit. Of several the "
	  "heaviest counts. Default: all in 127.0.0.0/8." },
	{ "dns-list", "weight", CONFIG_TEXT, "1", AT_LIST(weight),
	  "What being listed adds to the score; negative for a list of the good." },
	{ "dns-list", "names", CONFIG_CHOICE, "registrable", AT_LIST(names),
	  "Ask about example.org where www.example.org is meant, or about the full name: as the list "
	  "wants it.", .choices = { "registrable", "full" } },
	{ "dns-list", "reason", CONFIG_FLAG, "yes", AT_LIST(reason),
	  "Ask for the text (TXT) of who is listed, for replies and journeys." },
	{ "dns-list", "timeout", CONFIG_DURATION, "3s", AT_LIST(timeout_ms),
	  "How long an answer is waited for; then it is as if nothing were listed.", .min = 50,
	  .max = SECONDS(30) },

	{ "score", "tag", CONFIG_TEXT, NULL, AT(score.tag_text),
	  "From this score on a message gets the field X-Veredus-Score. Default: none does." },
	{ "score", "junk", CONFIG_TEXT, NULL, AT(score.junk_text),
	  "From this score on it goes into the folder Junk. Default: never." },
	{ "score", "quarantine", CONFIG_TEXT, NULL, AT(score.quarantine_text),
	  "From this score on it is held in the quarantine. Default: never." },
	{ "score", "reject", CONFIG_TEXT, NULL, AT(score.reject_text),
	  "From this score on it is refused. Default: never." },
	{ "score", "weights", CONFIG_LIST, NULL, 0, 0,
	  "What checks of a message weigh (docs/trust.md), as patterns: { \"spf=fail*: 2\", "
	  "\"dmarc=pass*: -1\", \"rdns=none: 1.5\" }." },
	{ "score", "max-links", CONFIG_NUMBER, "20", AT(score.max_links),
	  "Domains of links in one message that lists are asked about.", .min = 1, .max = 40 },

	{ "greylist", "delay", CONFIG_DURATION, "5m", AT(greylist.delay_ms),
	  "How long who is new must wait before it comes again.", .max = SECONDS(86400) },
	{ "greylist", "window", CONFIG_DURATION, "2d", AT(greylist.window_ms),
	  "Within which time it must come again.", .min = SECONDS(1), .max = DAYS(30) },
	{ "greylist", "remember", CONFIG_DURATION, "36d", AT(greylist.remember_ms),
	  "How long it is known after it came last.", .min = SECONDS(1), .max = DAYS(400) },
	{ "greylist", "known-after", CONFIG_NUMBER, "5", AT(greylist.known_after),
	  "When so many from a network have come again, it is known with all.", .min = 1,
	  .max = 1000000 },
	{ "greylist", "network-ipv4", CONFIG_NUMBER, "24", AT(greylist.bits_v4),
	  "Bits of an IPv4 address that make a network: large senders come again from another host.",
	  .min = 8, .max = 32, .at_start = true },
	{ "greylist", "network-ipv6", CONFIG_NUMBER, "64", AT(greylist.bits_v6),
	  "Bits of an IPv6 address that do.", .min = 16, .max = 128, .at_start = true },
	{ "greylist", "skip-spf", CONFIG_FLAG, "yes", AT(greylist.skip_spf),
	  "Let pass whom SPF proves to send for the sender's domain." },
	{ "greylist", "max-entries", CONFIG_NUMBER, "100000", AT(greylist.max_entries),
	  "Of those who wait, and of those who are known: beyond that the oldest goes.", .min = 100,
	  .max = 10000000 },
};
/* clang-format on */
const struct config_option_table config_options_score = CONFIG_OPTION_TABLE(options);
