/* The options of the quarantine. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "quarantine", "keep", CONFIG_DURATION, "30d", AT(quarantine.keep_ms),
	  "How long a message is held; then it is dropped.", .min = SECONDS(1), .max = DAYS(400) },
	{ "quarantine", "max-messages", CONFIG_NUMBER, "1000", AT(quarantine.max_messages),
	  "That may be held for one recipient.", .min = 1, .max = 100000 },
	{ "quarantine", "max-bytes", CONFIG_SIZE, "200M", AT(quarantine.max_bytes),
	  "That those may have in all. One message alone is held whatever its size.",
	  .min = 1024, .max = 1ull << 40 },
	{ "quarantine", "when-full", CONFIG_CHOICE, "drop-oldest", AT(quarantine.full),
	  "What happens to one that is too many: the oldest of that recipient go, or the sender is asked to "
	  "try again (452 4.2.2).", .choices = { "drop-oldest", "defer" } },
};
/* clang-format on */
const struct config_option_table config_options_quarantine = CONFIG_OPTION_TABLE(options);
