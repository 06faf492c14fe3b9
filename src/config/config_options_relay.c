/* The options of mail that is passed on for others. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "relay", "verify", CONFIG_CHOICE, "list", AT_RELAY(verify),
	  "How it is known which recipients there are: list is what `veredus relay` keeps; "
	  "call-ahead asks the next host, by RCPT; none takes all and makes bounces of it.",
	  .choices = { "list", "call-ahead", "none" } },
	{ "relay", "on-trouble", CONFIG_CHOICE, "defer", AT_RELAY(on_trouble),
	  "What becomes of mail from strangers for who is not known yet while the next host can't be "
	  "asked: defer answers 450, accept takes it. Who may relay is never held up by it.",
	  .choices = { "defer", "accept" } },
	{ "relay", "known-for", CONFIG_DURATION, "7d", AT_RELAY(known_for_ms),
	  "How long it is believed that a recipient is there.", .min = SECONDS(1), .max = DAYS(365) },
	{ "relay", "unknown-for", CONFIG_DURATION, "2h", AT_RELAY(unknown_for_ms),
	  "How long it is believed that there is no such recipient.", .min = SECONDS(1),
	  .max = DAYS(365) },
	{ "relay", "probe-timeout", CONFIG_DURATION, "30s", AT_RELAY(probe_timeout_ms),
	  "How long asking the next host may take; the client waits meanwhile.", .min = 100,
	  .max = SECONDS(300) },
	{ "relay", "max-probes", CONFIG_NUMBER, "5", AT_RELAY(max_probes),
	  "How many recipients the next host is asked for at a time.", .min = 1, .max = 1000 },

	{ "suppression", "for", CONFIG_DURATION, "180d", AT_SUPPRESSION(for_ms),
	  "How long after a hard bounce no mail is taken for its recipient; 0: until it is removed.",
	  .max = DAYS(3650) },
	{ "suppression", "complaints", CONFIG_FLAG, "yes", AT_SUPPRESSION(complaints),
	  "Whether a complaint (ARF) that comes back counts like a hard bounce." },

	{ "forward", "srs", CONFIG_FLAG, "no", AT(forward.srs),
	  "Rewrite senders that are not ours (SRS), so that SPF holds at the next host." },
	{ "forward", "srs-domain", CONFIG_TEXT, NULL, AT(forward.srs_domain),
	  "The domain of rewritten senders, whose mail must come here; without it the hostname." },
	{ "forward", "srs-max-age", CONFIG_DURATION, "21d", AT(forward.srs_max_age_ms),
	  "How long bounces to a rewritten sender are taken.", .min = DAYS(1), .max = DAYS(365) },
	{ "forward", "srs-rotate", CONFIG_DURATION, "30d", AT(forward.srs_rotate_ms),
	  "How long a key signs before a new one is made.", .min = DAYS(7), .max = DAYS(3650) },
};
/* clang-format on */
const struct config_option_table config_options_relay = CONFIG_OPTION_TABLE(options);
