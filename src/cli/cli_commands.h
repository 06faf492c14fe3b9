/* One line a command: each is defined in cmd_NAME.c and listed in cli_commands.c. */
#ifndef VEREDUS_CLI_COMMANDS_H
#define VEREDUS_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cmd_help;
extern const struct cli_command cmd_version;

#endif
