/* veredus message: a message as the server sees it. */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/cli_commands.h"
#include "cli/cli_file.h"
#include "cli/message_show.h"
#include "message/summary.h"

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON (show)" },
	{ "imap", 0, NULL, "show ENVELOPE and BODYSTRUCTURE (show)" },
	{ 0 },
};

static int show(struct cli *cli)
{
	struct slice bytes = SLICE_EMPTY;
	struct message_summary s;
	int status = cli_map_file(cli->words[0], &bytes);
	if (status != CLI_OK)
		return status;
	message_summarise(bytes, &MESSAGE_LIMITS_DEFAULT, cli->arena, &s);
	if (cli_has(cli, "imap")) {
		printf("ENVELOPE %.*s\nBODYSTRUCTURE %.*s\n", SLICE_ARG(s.envelope),
		       SLICE_ARG(s.body_structure));
		return CLI_OK;
	}
	message_show(cli, bytes, &s, &MESSAGE_LIMITS_DEFAULT, cli_has(cli, "json"));
	return CLI_OK;
}

static bool parse_number(struct slice text, struct message_section *section)
{
	while (text.len > 0) {
		uint64_t value;
		if (section->depth == MESSAGE_DEPTH_MAX ||
		    !slice_to_u64(slice_split(&text, '.'), &value) || value > UINT32_MAX)
			return false;
		section->path[section->depth++] = (unsigned)value;
	}
	return section->depth > 0;
}

static int part(struct cli *cli)
{
	struct slice bytes = SLICE_EMPTY, body = SLICE_EMPTY;
	struct message_section section = { .kind = SECTION_ALL };
	if (!parse_number(slice_from_str(cli->words[1]), &section))
		return cli_usage(cli, "\"%s\" is no part number: write 1 or 2.1", cli->words[1]);
	int status = cli_map_file(cli->words[0], &bytes);
	if (status != CLI_OK)
		return status;
	int rc = message_section_decoded(bytes, &MESSAGE_LIMITS_DEFAULT, cli->arena, &section,
	                                 SIZE_MAX, &body);
	if (rc < 0)
		return cli_fail("part %s: %s", cli->words[1],
		                rc == -ENOENT ? "there is none" : "it can't be decoded");
	fwrite(body.data, 1, body.len, stdout);
	return CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "show", "FILE", "Show what is in a message, and what is odd about it.", 1, 1, show },
	{ "part", "FILE NUMBER", "Write a part to standard output, decoded.", 2, 2, part },
	{ 0 },
};

const struct cli_command cmd_message = {
	.name = "message",
	.summary = "Look into a message file.",
	.text = "Parts are numbered as IMAP numbers them.\n",
	.options = options,
	.verbs = verbs,
};
