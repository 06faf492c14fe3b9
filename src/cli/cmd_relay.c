/* veredus relay */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

/* Of one request, which is a line of ADMIN_LINE_MAX bytes. */
enum { PAGE_BYTES = 32 * 1024 };

static int relay_add(struct cli *cli)
{
	return cli_request(cli, "relay.add", json_pack("{s:s}", "address", cli->words[0]), NULL,
	                   NULL);
}

static int relay_remove(struct cli *cli)
{
	return cli_request(cli, "relay.remove", json_pack("{s:s}", "address", cli->words[0]), NULL,
	                   NULL);
}

static void print_address(const json_t *item, void *unused)
{
	(void)unused;
	printf("%s\n", cli_item_text(item, "address"));
}

static int relay_list(struct cli *cli)
{
	return cli_list(cli, "relay.list", json_object(), print_address, NULL);
}

static void print_forgotten(const json_t *item, void *unused)
{
	(void)unused;
	printf("%lld answers forgotten\n", cli_item_number(item, "forgotten"));
}

static int relay_forget(struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "domain", json_string(cli->words[0]));
	return cli_request(cli, "relay.forget", request, print_forgotten, NULL);
}

/* --- import --------------------------------------------------------------------------- */

struct import {
	const struct cli *cli;
	const char *domain;
	int64_t stamp; /* rows that the file does not name keep an older one, and go */
	json_t *page;
	size_t bytes;
	long long added, removed;
};

static void count(const json_t *item, void *arg)
{
	struct import *im = arg;
	im->added += cli_item_number(item, "added");
	im->removed += cli_item_number(item, "removed");
}

static int send_page(struct import *im, bool last)
{
	json_t *request = json_pack("{s:s, s:I, s:b, s:o}", "domain", im->domain, "stamp",
	                            (json_int_t)im->stamp, "last", (int)last, "addresses",
	                            im->page);
	im->page = json_array();
	im->bytes = 0;
	return cli_request(im->cli, "relay.import", request, count, im);
}

/* entry = address [ SP anything ]; what begins with "#" is a comment. So Postfix's
 * relay_recipient_maps can be read as they are. */
static int take_line(struct import *im, struct slice line)
{
	struct slice text = slice_trim(line);
	size_t len = 0;
	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	if (len == 0 || text.data[0] == '#')
		return CLI_OK;
	json_t *address = json_stringn(text.data, len);
	if (!address)
		return cli_fail("'%.*s' is no UTF-8", (int)len, text.data);
	json_array_append_new(im->page, address);
	im->bytes += 2 * len + 4;
	return im->bytes > PAGE_BYTES ? send_page(im, false) : CLI_OK;
}

static int import_lines(struct import *im, FILE *file)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t len;
	int status = CLI_OK;
	while (status == CLI_OK && (len = getline(&line, &capacity, file)) >= 0)
		status = take_line(im, slice_of(line, (size_t)len));
	free(line);
	if (status == CLI_OK && ferror(file))
		status = cli_fail("the file can't be read");
	return status == CLI_OK ? send_page(im, true) : status;
}

static int relay_import(struct cli *cli)
{
	struct import im = {
		.cli = cli, .domain = cli->words[0], .stamp = clock_wall_ms(), .page = json_array()
	};
	FILE *file = fopen(cli->words[1], "re");
	if (!file)
		return cli_fail("%s: %s", cli->words[1], strerrordesc_np(errno));
	int status = import_lines(&im, file);
	fclose(file);
	json_decref(im.page);
	if (status == CLI_OK)
		printf("%s: %lld added, %lld removed\n", im.domain, im.added, im.removed);
	return status;
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "add", "ADDRESS", "There is this recipient; \"@example.org\": all of the domain.", 1, 1,
	  relay_add },
	{ "remove", "ADDRESS", "There is no longer.", 1, 1, relay_remove },
	{ "list", "", "List the recipients of all relay domains.", 0, 0, relay_list },
	{ "import", "DOMAIN FILE", "The recipients are those in FILE, one a line, and no others.",
	  2, 2, relay_import },
	{ "forget", "[DOMAIN]", "Forget what next hosts said of recipients: they are asked again.",
	  0, 1, relay_forget },
	{ 0 },
};

const struct cli_command cmd_relay = {
	.name = "relay",
	.summary = "Recipients in domains that mail is relayed for: add, remove, list, import.",
	.text = "A domain that is not ours and whose mail is taken has a section relay in\n"
		"veredus.conf(5). With verify = list its recipients are these; with verify =\n"
		"call-ahead its next host is asked, and the answers are kept for a while.\n",
	.options = options,
	.verbs = verbs,
};
