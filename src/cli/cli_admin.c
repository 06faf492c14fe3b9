#include "cli/cli_admin.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_link.h"
#include "config/config_options.h"

struct config *cli_load_config(const struct cli *cli)
{
	struct config *config = NULL;
	char *errors = NULL;
	config_load(cli->dir, &config, &errors);
	if (errors)
		fputs(errors, stderr);
	free(errors);
	return config;
}

int cli_become_owner(const struct cli *cli)
{
	struct stat st;
	if (stat(cli->dir, &st) < 0)
		return cli_fail("%s: %s: `veredus init` makes a data directory", cli->dir,
		                strerrordesc_np(errno));
	if (geteuid() != 0 || st.st_uid == 0)
		return CLI_OK;
	if (setgroups(0, NULL) < 0 || setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0)
		return cli_fail("can't become the owner of %s: %s", cli->dir,
		                strerrordesc_np(errno));
	return CLI_OK;
}

int cli_request(const struct cli *cli, const char *command, json_t *request, cli_item item,
                void *arg)
{
	const struct cli_answer answer = { .item = item, .arg = arg };
	struct cli_link *link;
	int status = cli_link_open(cli, &link);
	if (status == CLI_OK) {
		status = cli_link_call(link, command, request, NULL, 0, &answer);
		cli_link_close(link);
	} else {
		json_decref(request);
	}
	return status;
}

static void add_to_array(const json_t *item, void *arg)
{
	size_t *count = arg;
	fputs((*count)++ ? ",\n " : "[", stdout);
	json_dumpf(item, stdout, JSON_COMPACT);
}

int cli_list(const struct cli *cli, const char *command, json_t *request, cli_item item, void *arg)
{
	size_t count = 0;
	if (!cli_has(cli, "json"))
		return cli_request(cli, command, request, item, arg);
	int status = cli_request(cli, command, request, add_to_array, &count);
	if (count > 0)
		puts("]");
	else if (status == CLI_OK)
		puts("[]");
	return status;
}

bool cli_put_age(const struct cli *cli, const char *option, const char *key, json_t *request)
{
	const char *text = cli_text(cli, option);
	int64_t ms;
	if (!text)
		return true;
	if (!config_parse_duration(slice_from_str(text), &ms) || ms == 0) {
		cli_usage(cli, "--%s: '%s' is no time such as 30m, 4h or 7d", option, text);
		return false;
	}
	json_object_set_new(request, key, json_integer(ms));
	return true;
}

void cli_put_text(const struct cli *cli, const char *option, json_t *request)
{
	const char *text = cli_text(cli, option);
	if (text)
		json_object_set_new(request, option, json_string(text));
}
