/* veredus restore: what its files share. */
#ifndef VEREDUS_CLI_RESTORE_H
#define VEREDUS_CLI_RESTORE_H

#include "cli/cli.h"

/* One user, folder or message of an opened generation of a backup (a data directory), into the
 * running system. */
int restore_part(struct cli *cli, const char *generation);

#endif
