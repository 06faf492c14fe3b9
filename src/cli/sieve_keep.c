/* veredus sieve put, get, list, activate, delete: the scripts of a user. */
#include "cli/sieve_keep.h"

#include "cli/cli_file.h"
#include "cli/cli_link.h"

static json_t *request_of(const struct cli *cli)
{
	json_t *request = json_pack("{s:s}", "address", cli->words[0]);
	if (cli->word_count > 1)
		json_object_set_new(request, "name", json_string(cli->words[1]));
	return request;
}

static int call(const struct cli *cli, const char *command, const struct slice *body,
                const struct cli_answer *answer)
{
	struct cli_link *link;
	int status = cli_link_open(cli, &link);
	if (status != CLI_OK)
		return status;
	status = cli_link_call(link, command, request_of(cli), body, body ? 1 : 0, answer);
	cli_link_close(link);
	return status;
}

int sieve_put(struct cli *cli)
{
	struct slice script;
	const struct cli_answer answer = { .item = NULL };
	int status = cli_map_file(cli->words[2], &script);
	return status == CLI_OK ? call(cli, "sieve.put", &script, &answer) : status;
}

static void print_bytes(struct slice piece, void *unused)
{
	(void)unused;
	fwrite(piece.data, 1, piece.len, stdout);
}

int sieve_get(struct cli *cli)
{
	const struct cli_answer answer = { .bytes = print_bytes };
	return call(cli, "sieve.get", NULL, &answer);
}

static void print_row(const json_t *item, void *unused)
{
	char changed[32];
	(void)unused;
	printf("%-6s  %8lld  %s  %s\n",
	       json_is_true(json_object_get(item, "active")) ? "active" : "",
	       cli_item_number(item, "bytes"),
	       cli_date(cli_item_number(item, "changed_ms"), changed), cli_item_text(item, "name"));
}

int sieve_list(struct cli *cli)
{
	return cli_list(cli, "sieve.list", request_of(cli), print_row, NULL);
}

int sieve_activate(struct cli *cli)
{
	return cli_request(cli, "sieve.activate", request_of(cli), NULL, NULL);
}

int sieve_delete(struct cli *cli)
{
	return cli_request(cli, "sieve.delete", request_of(cli), NULL, NULL);
}
