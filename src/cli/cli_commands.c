/* The table of all commands, in the order in which the help shows them. */
#include "cli/cli_commands.h"

const struct cli_command *const cli_commands[] = {
	&cmd_help,
	&cmd_version,
	NULL,
};
