/* veredus reload */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

struct printing {
	bool json, refused;
};

static void print_each(FILE *out, const char *before, const json_t *lines)
{
	size_t i;
	json_t *line;
	json_array_foreach(lines, i, line) fprintf(out, "%s%s\n", before, json_string_value(line));
}

static void print_result(const json_t *item, void *arg)
{
	struct printing *p = arg;
	const json_t *taken = json_object_get(item, "taken");
	const json_t *restart = json_object_get(item, "restart");
	p->refused = json_array_size(json_object_get(item, "errors")) > 0;
	if (p->json) {
		cli_print_json(item, NULL);
		return;
	}
	print_each(stderr, "", json_object_get(item, "errors"));
	print_each(stderr, "", json_object_get(item, "warnings"));
	if (p->refused) {
		fputs("nothing was taken in: what was in force stays\n", stderr);
		return;
	}
	if (json_array_size(taken) + json_array_size(restart) == 0)
		puts("no option has changed");
	print_each(stdout, "taken in         ", taken);
	print_each(stdout, "needs a restart  ", restart);
	print_each(stdout, "read again       ", json_object_get(item, "read"));
}

static int reload(struct cli *cli)
{
	struct printing p = { .json = cli_has(cli, "json") };
	int rc = cli_request(cli, "reload", json_object(), print_result, &p);
	return rc == CLI_OK && p.refused ? CLI_FOUND : rc;
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON: what was taken, read, needs a restart; warnings, errors" },
	{ 0 },
};

const struct cli_command cmd_reload = {
	.name = "reload",
	.summary = "Have the running server take in a changed configuration.",
	.usage = "[--json]",
	.text = "No session is dropped. It waits until it is done, and prints which options were\n"
		"taken in, which need a restart, and which files were read again: certificates,\n"
		"the Sieve scripts for everybody, the database of countries. If anything is wrong\n"
		"it is printed with file and line, all stays as it was, and the exit status is 3.\n"
		"SIGHUP does the same, and the log tells. `veredus check` only looks.\n",
	.options = options,
	.run = reload,
};
