/* The options of the classifier. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "classifier", "max-tokens", CONFIG_NUMBER, "200000", AT(classifier.max_tokens),
	  "Words that are known of each account's mail, and of the shared; beyond, those go that were "
	  "learned longest ago. One takes about 40 bytes.", .min = 1000, .max = 10000000 },
	{ "classifier", "max-messages", CONFIG_NUMBER, "20000", AT(classifier.max_messages),
	  "Messages that are remembered as learned, so that the same one counts once.", .min = 100,
	  .max = 10000000 },
};
/* clang-format on */
const struct config_option_table config_options_classifier = CONFIG_OPTION_TABLE(options);
