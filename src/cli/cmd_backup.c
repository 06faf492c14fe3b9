/* veredus backup */
#include <errno.h>
#include <jansson.h>

#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "store/backup.h"
#include "store/store.h"

enum { KEEP_MAX = 10000 };

/* --- looking at one --------------------------------------------------------------------- */

static void report(const char *what, void *unused)
{
	(void)unused;
	fprintf(stderr, "veredus: %s\n", what);
}

/* Every row and every byte. */
static int verify(struct cli *cli, const char *target, const char *name, struct store_check *check)
{
	const char *path = arena_printf(cli->arena, "%s/%s", target, name);
	const struct store_config config = { .dir = path, .read_only = true };
	struct store *store;
	*check = (struct store_check){ .report = report };
	int rc = store_open(&config, &store);
	if (rc == 0) {
		rc = store_check(store, check);
		store_close(store);
	}
	if (rc < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(-rc));
	return check->damaged + check->missing + check->wrong_count > 0 ? CLI_FOUND : CLI_OK;
}

static void print_check(const struct cli *cli, const char *name, const struct store_check *c)
{
	if (cli_has(cli, "json"))
		return;
	printf("%s: %llu messages' bytes and %llu rows looked at: %llu with a wrong checksum, %llu "
	       "missing, %llu counted wrong\n",
	       name, (unsigned long long)c->blobs, (unsigned long long)c->rows,
	       (unsigned long long)c->damaged, (unsigned long long)c->missing,
	       (unsigned long long)c->wrong_count);
}

static int list(struct cli *cli, const char *target)
{
	const char **names;
	size_t count;
	json_t *all = json_array();
	int rc = backup_list(cli->arena, target, &names, &count);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (cli_has(cli, "json"))
			json_array_append_new(all, json_pack("{s:s}", "backup", names[i]));
		else
			puts(names[i]);
	}
	if (rc == 0 && cli_has(cli, "json")) {
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_decref(all);
	return rc < 0 ? cli_fail("%s: %s", target, strerrordesc_np(-rc)) : CLI_OK;
}

static int check_newest(struct cli *cli, const char *target)
{
	const char **names;
	size_t count;
	struct store_check check = { .blobs = 0 };
	int rc = backup_list(cli->arena, target, &names, &count);
	if (rc < 0 || count == 0)
		return cli_fail("%s: %s", target,
		                rc < 0 ? strerrordesc_np(-rc) : "there is no whole backup");
	int status = verify(cli, target, names[count - 1], &check);
	if (status != CLI_FAILED)
		print_check(cli, names[count - 1], &check);
	return status;
}

/* --- making one ------------------------------------------------------------------------- */

static void print_made(const struct cli *cli, const struct backup_made *made, double seconds,
                       bool verified)
{
	char bytes[32];
	if (cli_has(cli, "json"))
		printf("{\"backup\":\"%s\",\"segments\":%llu,\"segments_copied\":%llu,"
		       "\"bytes_copied\":%llu,\"seconds\":%.3f,\"verified\":%s}\n",
		       made->name, (unsigned long long)made->segments,
		       (unsigned long long)made->segments_copied,
		       (unsigned long long)made->bytes_copied, seconds,
		       verified ? "true" : "false");
	else
		printf("%s: %llu segments, of which %llu were copied now; %s in %.1f s\n",
		       made->name, (unsigned long long)made->segments,
		       (unsigned long long)made->segments_copied,
		       cli_bytes((long long)made->bytes_copied, bytes), seconds);
}

static int explain(const struct cli *cli, const char *target, const char *what, int rc)
{
	if (rc == -EWOULDBLOCK)
		return cli_fail("another backup to %s goes on", target);
	if (rc == -EXDEV)
		return cli_fail("the backups in %s are of another store: each needs a directory of "
		                "its own",
		                target);
	if (rc == -EAGAIN)
		return cli_fail("segments were cleaned away faster than they were copied: try "
		                "again");
	if (rc == -ENOENT && slice_ends_with(slice_from_str(what), SLICE("veredus.db")))
		return cli_fail("%s has no mail store: run `veredus init`", cli->dir);
	return cli_fail("%s: %s", what, strerrordesc_np(-rc));
}

/* A copy that is lost with what it is a copy of, and that the next one would copy. */
static bool is_inside(struct cli *cli, const char *target)
{
	char *dir = realpath(cli->dir, NULL);
	struct slice path = slice_from_str(target);
	ptrdiff_t slash = slice_find_last_byte(path, '/');
	char *to = realpath(target, NULL);
	if (!to && slash != 0) /* it is to be made there */
		to = realpath(slash < 0 ? "."
		                        : arena_str(cli->arena, slice_sub(path, 0, (size_t)slash)),
		              NULL);
	bool is = dir && to &&
	          slice_starts_with(slice_from_str(arena_printf(cli->arena, "%s/", to)),
	                            slice_from_str(arena_printf(cli->arena, "%s/", dir)));
	free(dir);
	free(to);
	return is;
}

static int make(struct cli *cli, const char *target)
{
	struct backup_made made;
	struct store_check check = { .blobs = 0 };
	const char *what;
	int64_t keep, began = clock_monotonic_ms();
	if (!cli_number(cli, "keep", 1, KEEP_MAX, 1, &keep))
		return CLI_USAGE;
	if (is_inside(cli, target))
		return cli_fail("%s is in the data directory: name one elsewhere, best on another "
		                "disk",
		                target);
	int rc = backup_make(cli->arena, cli->dir, target, (unsigned)keep, &made, &what);
	if (rc < 0)
		return explain(cli, target, what, rc);
	double seconds = (double)(clock_monotonic_ms() - began) / 1e3;
	int status = cli_has(cli, "verify") ? verify(cli, target, made.name, &check) : CLI_OK;
	print_made(cli, &made, seconds, cli_has(cli, "verify") && status == CLI_OK);
	if (cli_has(cli, "verify") && status != CLI_FAILED)
		print_check(cli, made.name, &check);
	return status;
}

static int run(struct cli *cli)
{
	const char *target = cli->words[0];
	if (cli_has(cli, "list"))
		return list(cli, target);
	return cli_has(cli, "check") ? check_newest(cli, target) : make(cli, target);
}

static const struct cli_option options[] = {
	{ "keep", 0, "COUNT", "the newest so many backups stay (1)" },
	{ "verify", 0, NULL, "then look at every row and every byte of it" },
	{ "check", 0, NULL, "make none, but look at the newest as --verify does" },
	{ "list", 0, NULL, "make none, but list those that are whole" },
	{ "json", 0, NULL, "the result as JSON" },
	{ 0 },
};

const struct cli_command cmd_backup = {
	.name = "backup",
	.summary = "Copy everything, consistently, while it is in use.",
	.usage = "[--keep COUNT] [--verify] DIRECTORY | --check DIRECTORY | --list DIRECTORY",
	.text = "All that was accepted before the command began is in the copy. Messages are "
		"copied "
		"once:\nthe next backup to the same directory takes what is new, and the rows. One "
		"that was\ninterrupted is never taken for a whole one. Exit status: 3 if what was "
		"looked at is damaged.\n",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
