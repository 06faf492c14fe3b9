/* veredus restore */
#include <errno.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/restore.h"
#include "store/backup.h"

/* The generation that --at names, else the newest. NULL after a message. */
static const char *choose(struct cli *cli, const char *target)
{
	const char *at = cli_text(cli, "at");
	const char **names;
	size_t count;
	int rc = backup_list(cli->arena, target, &names, &count);
	if (rc < 0) {
		cli_fail("%s: %s", target, strerrordesc_np(-rc));
		return NULL;
	}
	for (size_t i = count; i-- > 0;) {
		if (!at || slice_equal(slice_from_str(names[i]), slice_from_str(at)))
			return names[i];
	}
	cli_fail(at ? "%s has no whole backup %s" : "%s has no whole backup", target, at);
	return NULL;
}

static int restore_all(struct cli *cli, const char *target, const char *name)
{
	char bytes[32];
	const char *what;
	uint64_t copied;
	int rc = backup_restore(cli->arena, target, name, cli->dir, &copied, &what);
	if (rc == -EEXIST)
		return cli_fail(
			"%s is there: stop the server and move %s away, or name one user by "
			"--user",
			what, cli->dir);
	if (rc == -ENOTEMPTY)
		return cli_fail(
			"%s has segments, which may hold mail that the backup has not: move "
			"it away",
			what);
	if (rc < 0)
		return cli_fail("%s: %s", what, strerrordesc_np(-rc));
	if (cli_has(cli, "json"))
		printf("{\"backup\":\"%s\",\"bytes\":%llu}\n", name, (unsigned long long)copied);
	else
		printf("%s restored to %s, %s\n", name, cli->dir,
		       cli_bytes((long long)copied, bytes));
	return CLI_OK;
}

static int run(struct cli *cli)
{
	char *target = realpath(cli->words[0], NULL);
	if (!target)
		return cli_fail("%s: %s", cli->words[0], strerrordesc_np(errno));
	const char *name = choose(cli, target);
	int status = CLI_FAILED;
	if (name && cli_text(cli, "user"))
		status = restore_part(cli, arena_printf(cli->arena, "%s/%s", target, name));
	else if (name &&
	         (cli_has(cli, "folder") || cli_has(cli, "message") || cli_has(cli, "into") ||
	          cli_has(cli, "settings") || cli_has(cli, "no-mail")))
		status = cli_usage(cli, "--folder, --message, --into, --settings and --no-mail "
		                        "need --user");
	else if (name)
		status = restore_all(cli, target, name);
	free(target);
	return status;
}

static const struct cli_option options[] = {
	{ "at", 0, "BACKUP", "one of those that `veredus backup --list` shows (the newest)" },
	{ "user", 0, "ADDRESS", "only this account, into the system as it is" },
	{ "folder", 0, "FOLDER", "only this folder of it, and what is below" },
	{ "message", 0, "WHICH", "only this: UIDs of the folder, or a Message-ID" },
	{ "into", 0, "FOLDER", "put folders below this one" },
	{ "settings", 0, NULL,
	  "also what the user has not any more: aliases, application passwords, scripts ..." },
	{ "no-mail", 0, NULL, "only the account and its settings" },
	{ "json", 0, NULL, "the result as one JSON object" },
	{ 0 },
};

const struct cli_command cmd_restore = {
	.name = "restore",
	.summary = "Take everything, a user, a folder or a message back from a backup.",
	.usage = "[--at BACKUP] [--user ADDRESS [--folder FOLDER] [--message WHICH] [--into "
		 "FOLDER] [--settings] [--no-mail]] DIRECTORY",
	.text = "Without --user all of the backup becomes the data directory -d DIR, which must "
		"have no\ndatabase. With --user messages go back into folders with flags and "
		"dates, "
		"while the server\nruns or not; what is there already is not brought twice, and "
		"nothing is taken away. An\naccount that is gone comes back with its password, "
		"quota, "
		"aliases, application passwords,\ncertificates, Sieve scripts, subscriptions, "
		"annotations and shares; beside one that is\nthere these come back with "
		"--settings, as far as they are missing.\n",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
