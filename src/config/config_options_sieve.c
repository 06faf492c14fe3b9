/* The options of scripts that sort mail. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "sieve", "enabled", CONFIG_FLAG, "yes", AT(sieve.enabled),
	  "Run the scripts of users when their mail is delivered.", .at_start = true },
	{ "sieve", "before", CONFIG_PATH, NULL, AT(sieve.before),
	  "A script that runs for everybody, before their own. If it does not keep the message, theirs is "
	  "not run." },
	{ "sieve", "after", CONFIG_PATH, NULL, AT(sieve.after),
	  "A script that runs for everybody, after their own, for what that has kept." },
	{ "sieve", "global", CONFIG_PATH, NULL, AT(sieve.global),
	  "The folder of scripts that others may include (include :global \"NAME\": NAME.sieve) and of "
	  "lists (:list \"NAME\": NAME.list, a value a line)." },
	{ "sieve", "max-script", CONFIG_SIZE, "1M", AT(sieve.max_script_bytes),
	  "Length of a script.", .min = 1024, .max = 16 << 20 },
	{ "sieve", "max-scripts", CONFIG_NUMBER, "50", AT(sieve.max_scripts),
	  "Scripts of an account.", .min = 1, .max = 10000 },
	{ "sieve", "max-actions", CONFIG_NUMBER, "32", AT(sieve.max_actions),
	  "Actions that scripts may come to for one message.", .min = 1, .max = 1000 },
	{ "sieve", "max-redirects", CONFIG_NUMBER, "4", AT(sieve.max_redirects),
	  "Addresses that scripts may send one message on to, and notices; 0 forbids both.", .max = 100 },
	{ "sieve", "max-instructions", CONFIG_NUMBER, "1000000", AT(sieve.max_instructions),
	  "Steps that scripts may take for one message; work on 256 bytes counts as one.",
	  .min = 100, .max = 100000000 },
	{ "sieve", "max-memory", CONFIG_SIZE, "16M", AT(sieve.max_memory_bytes),
	  "What they may need beside the message.", .min = 64 * 1024, .max = 1ull << 30 },
	{ "sieve", "max-nesting", CONFIG_NUMBER, "32", AT(sieve.max_nesting),
	  "Blocks in blocks, and tests in tests; RFC 5228 wants 15.", .min = 15, .max = 64 },
	{ "sieve", "max-includes", CONFIG_NUMBER, "32", AT(sieve.max_includes),
	  "Scripts that one may include, all levels together.", .max = 1000 },
	{ "sieve", "vacation-default", CONFIG_DURATION, "7d", AT(sieve.vacation_default_ms),
	  "How long vacation does not answer the same sender again, if the script does not say it.",
	  .min = SECONDS(1), .max = DAYS(365) },
	{ "sieve", "vacation-min", CONFIG_DURATION, "1h", AT(sieve.vacation_min_ms),
	  "The least that a script may say.", .max = DAYS(365) },
	{ "sieve", "vacation-max", CONFIG_DURATION, "60d", AT(sieve.vacation_max_ms),
	  "The most.", .min = SECONDS(1), .max = DAYS(3650) },
	{ "sieve", "imap-events", CONFIG_FLAG, "yes", AT(sieve.imap_events),
	  "Run scripts for what users do with messages over IMAP, where a mailbox names one (IMAPSIEVE).",
	  .at_start = true },
	{ "sieve", "max-imap-events", CONFIG_NUMBER, "10000", AT(sieve.max_imap_events),
	  "Messages of an account that may wait for such a script; for more than that none runs.",
	  .min = 1, .max = 10000000 },
	{ "sieve", "redirect-again", CONFIG_DURATION, "12h", AT(sieve.redirect_again_ms),
	  "How long a message that comes again is not sent on to the same address again: else two "
	  "scripts could send it round for ever.", .max = DAYS(30) },
};
/* clang-format on */
const struct config_option_table config_options_sieve = CONFIG_OPTION_TABLE(options);
