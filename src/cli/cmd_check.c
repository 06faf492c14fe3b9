/* veredus check, veredus config */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "net/tls.h"

/* Loads the certificates as the server will. */
static int check_certificates(struct cli *cli, const struct config *config)
{
	struct tls_certificate_files *files = ARENA_ARRAY(cli->arena, config->certificate_count + 1,
	                                                  struct tls_certificate_files);
	struct tls_server *tls;
	char *why = NULL;
	for (size_t i = 0; i < config->certificate_count; i++) {
		files[i].chain_path = config->certificates[i].chain_path;
		files[i].key_path = config->certificates[i].key_path;
	}
	if (config->certificate_count == 0)
		return CLI_OK;
	int rc = tls_server_new(files, config->certificate_count, &tls, &why);
	if (rc == 0)
		tls_server_free(tls);
	else
		fprintf(stderr, "%s/veredus.conf: certificate: %s\n", config->dir, why ? why : "");
	free(why);
	return rc == 0 ? CLI_OK : CLI_FOUND;
}

static int check(struct cli *cli)
{
	struct config *config = cli_load_config(cli);
	if (!config)
		return CLI_FOUND;
	int status = check_certificates(cli, config);
	if (status == CLI_OK)
		printf("%s/veredus.conf is good: %zu listeners, %zu certificates\n", config->dir,
		       config->listener_count, config->certificate_count);
	config_free(config);
	return status;
}

const struct cli_command cmd_check = {
	.name = "check",
	.summary = "Look for mistakes in the configuration.",
	.usage = "",
	.text = "Each is printed with its file and line, and with what to do. The exit status is 3 "
		"if there\nare any that would keep the server from starting.\n",
	.run = check,
};

static int reference(struct cli *cli)
{
	(void)cli;
	config_print_reference(stdout);
	return CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "reference", "", "All options, with their defaults, as mdoc.", 0, 0, reference },
	{ 0 },
};

const struct cli_command cmd_config = {
	.name = "config",
	.summary = "Print the reference of the configuration.",
	.text = "To read it: veredus config reference | mandoc -mdoc | less\n",
	.verbs = verbs,
};
