/* veredus: a complete mail system in one program. */
#include <signal.h>

#include "cli/cli_commands.h"

static int run(struct arena *arena, int argc, char **argv)
{
	struct cli cli;
	const char *why = NULL;
	if (cli_parse(arena, argc, argv, &cli, &why) < 0)
		return cli_usage(&cli, "%s", why);
	if (!cli.command) {
		cli_print_commands(stderr);
		return CLI_USAGE;
	}
	int (*command)(struct cli *) = cli.verb ? cli.verb->run : cli.command->run;
	return command(&cli);
}

int main(int argc, char **argv)
{
	/* A peer that hangs up is an error of the write, not the end of the program. */
	signal(SIGPIPE, SIG_IGN);
	struct arena *arena = arena_new();
	int status = run(arena, argc, argv);
	arena_free(arena);
	if (fflush(stdout) != 0 && status == CLI_OK)
		status = cli_fail("standard output can't be written");
	return status;
}
