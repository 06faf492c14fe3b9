/* veredus: a complete mail system in one program. */
#include <signal.h>

#include "cli/cli_commands.h"

/* Called by the name of a command of another mail system: the arguments are those of
 * `veredus sendmail ...`. */
static char **by_name(struct arena *arena, int *argc, char **argv)
{
	static const char *const names[] = { "sendmail", "mailq", "newaliases" };
	struct slice path = slice_from_str(*argc > 0 ? argv[0] : "");
	struct slice called = slice_from(path, (size_t)(slice_find_last_byte(path, '/') + 1));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!slice_equal(called, slice_from_str(names[i])))
			continue;
		char **more = ARENA_ARRAY(arena, (size_t)*argc + 2, char *);
		memcpy(&more[1], argv, (size_t)*argc * sizeof(*argv));
		more[0] = argv[0];
		more[1] = arena_str(arena, called);
		(*argc)++;
		return more;
	}
	return argv;
}

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
	argv = by_name(arena, &argc, argv);
	int status = run(arena, argc, argv);
	arena_free(arena);
	if (fflush(stdout) != 0 && status == CLI_OK)
		status = cli_fail("standard output can't be written");
	return status;
}
