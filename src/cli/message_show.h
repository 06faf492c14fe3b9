/* `veredus message show`: what is in a message, for people or as JSON. */
#ifndef VEREDUS_CLI_MESSAGE_SHOW_H
#define VEREDUS_CLI_MESSAGE_SHOW_H

#include "cli/cli.h"
#include "message/summary.h"

/* Fields, parts, and what is odd about them. */
void message_show(struct cli *cli, struct slice bytes, const struct message_summary *summary,
                  const struct message_limits *limits, bool json);

#endif
