/* The options of looking into attachments. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "attachments", "look", CONFIG_FLAG, "yes", AT(attachments.look),
	  "What files in mail of strangers are is looked at, and told to rules (found) and weights." },
	{ "attachments", "max-depth", CONFIG_NUMBER, "3", AT(attachments.max_depth),
	  "Archives inside of archives that are looked into.", .min = 1, .max = 10 },
	{ "attachments", "max-members", CONFIG_NUMBER, "1000", AT(attachments.max_members),
	  "Members of all archives in a message that are.", .min = 1, .max = 100000 },
	{ "attachments", "max-time", CONFIG_DURATION, "5s", AT(attachments.max_ms),
	  "CPU time that looking into a message may take, in whole seconds.", .min = 1000, .max = 60000 },
	{ "attachments", "max-unpacked", CONFIG_SIZE, "64M", AT(attachments.max_unpacked_bytes),
	  "Bytes that come out of all archives in a message; what would be more is not looked at, and "
	  "called a bomb if it is a hundred times what it was packed.", .min = 65536,
	  .max = UINT64_C(4) << 30 },
};
/* clang-format on */
const struct config_option_table config_options_attachments = CONFIG_OPTION_TABLE(options);
