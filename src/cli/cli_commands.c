/* The table of all commands, in the order in which the help shows them. */
#include "cli/cli_commands.h"

/* clang-format off */
const struct cli_command *const cli_commands[] = {
	&cmd_init,
	&cmd_serve,
	&cmd_user,
	&cmd_domain,
	&cmd_alias,
	&cmd_certificate,
	&cmd_dkim,
	&cmd_ban,
	&cmd_policy,
	&cmd_fetch,
	&cmd_relay,
	&cmd_queue,
	&cmd_route,
	&cmd_trace,
	&cmd_bounces,
	&cmd_suppression,
	&cmd_tlsrpt,
	&cmd_status,
	&cmd_send,
	&cmd_sendmail,
	&cmd_mailq,
	&cmd_newaliases,
	&cmd_message,
	&cmd_explain,
	&cmd_bench,
	&cmd_check,
	&cmd_config,
	&cmd_fsck,
	&cmd_recover,
	&cmd_help,
	&cmd_version,
	NULL,
};
/* clang-format on */
