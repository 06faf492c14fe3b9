/* What `veredus tlsrpt` and `veredus dmarc` share: reports on a day of mail. */
#ifndef VEREDUS_CLI_CLI_REPORT_H
#define VEREDUS_CLI_CLI_REPORT_H

#include "cli/cli_admin.h"

/* about: "tls", "dmarc" or "failure". Each is a whole verb, and returns its exit status. */
int cli_report_list(struct cli *cli, const char *about);
/* print_body: prints the tree of the report, which has no control characters any more. */
typedef void (*cli_report_print)(const json_t *report);
int cli_report_show(struct cli *cli, const char *about, const char *id,
                    cli_report_print print_body);
int cli_report_send(struct cli *cli, const char *about);

#endif
