/* veredus help, veredus version */
#include "cli/cli_commands.h"

static int help(struct cli *cli)
{
	if (cli->word_count == 0) {
		cli_print_commands(stdout);
		return CLI_OK;
	}
	const struct cli_command *command = cli_find(cli->words[0]);
	if (!command)
		return cli_usage(cli, "there is no command '%s'; `veredus help` lists them",
		                 cli->words[0]);
	cli_print_help(stdout, command);
	return CLI_OK;
}

const struct cli_command cmd_help = {
	.name = "help",
	.summary = "Explain a command, or list them all.",
	.usage = "[COMMAND]",
	.max_words = 1,
	.run = help,
};

static int version(struct cli *cli)
{
	(void)cli;
	puts("veredus " VEREDUS_VERSION);
	return CLI_OK;
}

const struct cli_command cmd_version = {
	.name = "version",
	.summary = "Tell the version.",
	.usage = "",
	.run = version,
};
