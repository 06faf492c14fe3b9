/* veredus send: an SMTP client for people and scripts. */
#include "cli/cli_commands.h"
#include "cli/send.h"

static const struct cli_option options[] = {
	{ "from", 'f', "ADDRESS", "the sender; \"\" for the null one, with FILE" },
	{ "to", 't', "ADDRESSES", "recipients; may be given again, as may --cc and --bcc" },
	{ "cc", 0, "ADDRESSES", "recipients of a copy" },
	{ "bcc", 0, "ADDRESSES", "recipients of a copy that the others don't see" },
	{ "reply-to", 0, "ADDRESSES", "where answers should go" },
	{ "subject", 's', "TEXT", "the subject" },
	{ "text", 0, "TEXT", "the text; @FILE for a file's, - for standard input's" },
	{ "html", 0, "TEXT", "the same in HTML" },
	{ "attach", 'a', "FILE", "attach a file; may be given again" },
	{ "header", 0, "NAME: VALUE", "one more header field; may be given again" },
	{ "server", 0, "HOST:PORT", "where to (localhost; port 25, 587 with --user, 465)" },
	{ "tls", 0, "RULE", "none, starttls, implicit or opportunistic" },
	{ "ca", 0, "FILE", "PEM file of the roots to trust, not the system's" },
	{ "insecure", 0, NULL, "believe any certificate" },
	{ "user", 'u', "NAME", "log in" },
	{ "password-file", 0, "FILE",
	  "with the password; else $VEREDUS_PASSWORD, or it is asked for" },
	{ "helo", 0, "NAME", "call ourselves this" },
	{ "print", 0, NULL, "print the message instead of sending it" },
	{ "verbose", 'v', NULL, "show the dialogue" },
	{ 0 },
};

static int print(const struct send *s)
{
	fwrite(s->head.data, 1, s->head.len, stdout);
	fwrite(s->body.data, 1, s->body.len, stdout);
	return CLI_OK;
}

/* Options that compose have no meaning for a message that exists. */
static int check_file_options(const struct cli *cli)
{
	static const char *const composing[] = { "subject", "text",     "html",
		                                 "attach",  "reply-to", "header" };
	for (size_t i = 0; i < sizeof(composing) / sizeof(composing[0]); i++)
		if (cli_has(cli, composing[i]))
			return cli_usage(cli, "--%s composes a message, but FILE is one",
			                 composing[i]);
	return CLI_OK;
}

static int make(struct send *s)
{
	bool file = s->cli->word_count > 0;
	int status = file ? check_file_options(s->cli) : CLI_OK;
	if (status == CLI_OK && file)
		status = send_read_file(s, s->cli->words[0]);
	if (status == CLI_OK)
		status = send_make_envelope(s);
	if (status == CLI_OK && file)
		send_hide_bcc(s);
	else if (status == CLI_OK)
		status = send_compose(s);
	return status;
}

static int run(struct cli *cli)
{
	struct send s = { .cli = cli,
		          .arena = cli->arena,
		          .head = SLICE_EMPTY,
		          .body = SLICE_EMPTY,
		          .reverse_path = SLICE_EMPTY,
		          .envid = SLICE_EMPTY };
	int status = make(&s);
	if (status != CLI_OK || cli_has(cli, "print"))
		return status == CLI_OK ? print(&s) : status;
	status = send_prepare(&s);
	return status == CLI_OK ? send_run(&s) : status;
}

const struct cli_command cmd_send = {
	.name = "send",
	.summary = "Compose a message and send it, or send one from a file.",
	.usage = "--from ADDRESS --to ADDRESSES [--subject TEXT] [--text TEXT] [--attach FILE]... "
		 "[--server HOST:PORT] | [--server HOST:PORT] FILE",
	.text = "FILE is a whole message (- for standard input). Without --to, --cc and --bcc it\n"
		"goes to those whom its To, Cc and Bcc fields name; Bcc is taken out.\n"
		"\n"
		"Without --tls: implicit on port 465, starttls with --user (no password goes out "
		"in\n"
		"clear), else opportunistic.\n"
		"\n"
		"Exit status: 0 all recipients were taken, 1 some or all were refused, 75 not "
		"now.\n",
	.options = options,
	.max_words = 1,
	.run = run,
};
