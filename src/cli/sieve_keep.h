/* Verbs of `veredus sieve` about the scripts that users have. Each returns its exit status. */
#ifndef VEREDUS_CLI_SIEVE_KEEP_H
#define VEREDUS_CLI_SIEVE_KEEP_H

#include "cli/cli_admin.h"

int sieve_put(struct cli *cli);
int sieve_get(struct cli *cli);
int sieve_list(struct cli *cli);
int sieve_activate(struct cli *cli);
int sieve_delete(struct cli *cli);

#endif
