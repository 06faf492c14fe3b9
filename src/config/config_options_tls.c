/* The options of TLS towards other hosts. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "tls", "level", CONFIG_CHOICE, "required", AT_TLS(level),
	  "required (any certificate), verified (one for the name of the MX host) and dane (TLSA "
	  "records) hold besides what the domain publishes itself; none and opportunistic hold "
	  "instead of it.",
	  .choices = { "none", "opportunistic", "required", "verified", "dane" } },
	{ "tls", "oldest-version", CONFIG_CHOICE, "1.2", AT_TLS(oldest),
	  "The oldest version of TLS that will do.", .choices = { "1.2", "1.3" } },
};
/* clang-format on */
const struct config_option_table config_options_tls = CONFIG_OPTION_TABLE(options);
