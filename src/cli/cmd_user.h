/* The parts of `veredus user` that have a file of their own. Each is the run of a struct cli_verb.
 */
#ifndef VEREDUS_CLI_CMD_USER_H
#define VEREDUS_CLI_CMD_USER_H

#include "cli/cli.h"

/* user app-password add|list|remove ADDRESS */
int cmd_user_app_password(struct cli *cli);

#endif
