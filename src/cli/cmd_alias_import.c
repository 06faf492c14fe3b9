/* veredus alias import, veredus newaliases */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/sendmail.h"
#include "directory/alias_file.h"

/* What fits into one request, with room for the rest of it. */
enum { REQUEST_MAX = ADMIN_LINE_MAX - 1024 };

static void print_counts(const json_t *item, void *arg)
{
	printf("%s: %lld added, %lld changed, %lld as they were\n", (const char *)arg,
	       cli_item_number(item, "added"), cli_item_number(item, "changed"),
	       cli_item_number(item, "same"));
}

/* One byte more than may be: then it is too large. */
static int read_file(struct arena *arena, const char *path, struct slice *out)
{
	char *text = arena_alloc(arena, REQUEST_MAX + 1);
	size_t len = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	while (got > 0 && len <= REQUEST_MAX) {
		got = read(fd, text + len, REQUEST_MAX + 1 - len);
		len += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	if (got < 0)
		return cli_fail("%s: it can't be read", path);
	if (len > REQUEST_MAX)
		return cli_fail("%s: it is larger than %d bytes: make several files of it", path,
		                REQUEST_MAX);
	*out = slice_of(text, len);
	return CLI_OK;
}

static json_t *request_of(const struct alias_file *file)
{
	json_t *entries = json_array();
	for (size_t i = 0; i < file->count; i++) {
		const struct alias_entry *e = &file->entries[i];
		json_t *targets = json_array();
		for (size_t t = 0; t < e->count; t++)
			json_array_append_new(targets,
			                      json_stringn(e->targets[t].data, e->targets[t].len));
		json_array_append_new(entries,
		                      json_pack("{s:i, s:s%, s:o}", "line", e->line, "name",
		                                e->name.data, e->name.len, "targets", targets));
	}
	return json_pack("{s:o}", "entries", entries);
}

int sendmail_import(const struct cli *cli, const char *path, const char *domain)
{
	struct slice text = SLICE_EMPTY;
	struct alias_file file;
	int status = read_file(cli->arena, path, &text);
	if (status != CLI_OK)
		return status;
	if (!slice_is_utf8(text) || slice_find_byte(text, 0) >= 0)
		return cli_fail("%s: this is no text", path);
	if (alias_file_parse(cli->arena, text, &file) < 0)
		return cli_fail("%s:%d: %s", path, file.wrong_line, file.why);
	json_t *request = request_of(&file);
	if (domain)
		json_object_set_new(request, "domain", json_string(domain));
	return cli_request(cli, "alias.import", request, print_counts, (void *)(uintptr_t)path);
}

int sendmail_new_aliases(const struct cli *cli)
{
	struct config *config = cli_load_config(cli);
	if (!config)
		return CLI_FAILED;
	int status = sendmail_import(cli, config->local.aliases, NULL);
	config_free(config);
	return status;
}

static int run(struct cli *cli) { return sendmail_new_aliases(cli); }

const struct cli_command cmd_newaliases = {
	.name = "newaliases",
	.summary = "Import /etc/aliases, or the file that the configuration names.",
	.usage = "",
	.text = "As `alias import` does; also what the program does when it is called "
		"newaliases.\n",
	.raw = true,
	.max_words = CLI_ANY_WORDS,
	.run = run,
};
