/* veredus sendmail: what programs call that know no other mail system than that command. The
 * options are those of Sendmail, as far as they mean anything here; the rest is read and ignored,
 * as all that came after Sendmail have it. */
#include <sysexits.h>
#include <unistd.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/sendmail.h"
#include "config/config.h"
#include "route/post.h"

static int wrong(const char *what, const char *given)
{
	cli_fail("sendmail: %s%s%s", what, given ? " " : "", given ? given : "");
	return EX_USAGE;
}

/* -N never, or a list of success, failure and delay: RFC 3461 section 4.1. */
static int take_notify(struct sendmail *m, const char *text)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = { { "never", NOTIFY_NEVER },
		      { "success", NOTIFY_SUCCESS },
		      { "failure", NOTIFY_FAILURE },
		      { "delay", NOTIFY_DELAY } };
	struct slice rest = slice_from_str(text);
	while (rest.len > 0) {
		struct slice word = slice_trim(slice_split(&rest, ','));
		unsigned bit = 0;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (slice_equal_nocase(word, slice_from_str(words[i].word)))
				bit = words[i].bit;
		}
		if (bit == 0)
			return wrong("-N is never, or of success,failure,delay; not", text);
		m->notify |= bit;
	}
	if ((m->notify & NOTIFY_NEVER) && m->notify != NOTIFY_NEVER)
		return wrong("-N never stands alone", NULL);
	return EX_OK;
}

static int take_return(struct sendmail *m, const char *text)
{
	struct slice given = slice_from_str(text);
	if (slice_equal_nocase(given, SLICE("full")))
		m->ret = 'F';
	else if (slice_equal_nocase(given, SLICE("hdrs")))
		m->ret = 'H';
	else
		return wrong("-R is full or hdrs, not", text);
	return EX_OK;
}

static int take_mode(struct sendmail *m, const char *text)
{
	if (text[0] == 0 || text[1] != 0 || !strchr("msvpi", text[0]))
		return wrong("there is no mode -b", text);
	m->mode = (enum sendmail_mode)text[0];
	return EX_OK;
}

/* The old ones of one letter, -oi and so on. */
static int take_old(struct sendmail *m, const char *text)
{
	m->dot_is_text |= text[0] == 'i';
	return EX_OK;
}

/* -O Name=value */
static int take_long(struct sendmail *m, const char *text)
{
	struct slice value = slice_from_str(text);
	struct slice name = slice_split(&value, '=');
	if (slice_equal_nocase(name, SLICE("IgnoreDots")))
		m->dot_is_text = true;
	return EX_OK;
}

static int take_body(const char *text)
{
	struct slice given = slice_from_str(text);
	if (slice_equal_nocase(given, SLICE("7BIT")) ||
	    slice_equal_nocase(given, SLICE("8BITMIME")))
		return EX_OK; /* the bytes themselves tell */
	return wrong("-B is 7BIT or 8BITMIME, not", text);
}

static int take_option(struct sendmail *m, int letter, const char *text)
{
	switch (letter) {
	case 'q':
		m->run_queue = true;
		m->queued = text;
		return EX_OK;
	case 'b':
		return take_mode(m, text);
	case 'f':
	case 'r':
		m->sender = text;
		return EX_OK;
	case 'i':
		m->dot_is_text = true;
		return EX_OK;
	case 't':
		m->from_header = true;
		return EX_OK;
	case 'v':
		m->verbose = true;
		return EX_OK;
	case 'F':
		m->name = text;
		return EX_OK;
	case 'N':
		return take_notify(m, text);
	case 'R':
		return take_return(m, text);
	case 'V':
		m->envid = text;
		return EX_OK;
	case 'B':
		return take_body(text);
	case 'o':
		return take_old(m, text);
	case 'O':
		return take_long(m, text);
	case '?':
		return EX_USAGE; /* getopt has said why */
	default:
		return EX_OK;
	}
}

/* A domain is meant where there is no address. */
static const char *whose(struct arena *arena, const char *text)
{
	return strchr(text, '@') ? text : arena_printf(arena, "@%s", text);
}

/* -q, -qIid, -qRaddress, -qRdomain, -qSaddress, -qSdomain; the domains also behind an @. */
static int run_queue(const struct sendmail *m)
{
	const char *what = m->queued;
	struct arena *arena = m->cli->arena;
	json_t *request;
	if (!what)
		request = json_pack("{s:b}", "all", 1);
	else if (what[0] == 'I' && what[1])
		request = json_pack("{s:s}", "id", what + 1);
	else if (what[0] == 'R' && what[1])
		request = json_pack("{s:s}", "to", whose(arena, what + 1));
	else if (what[0] == 'S' && what[1])
		request = json_pack("{s:s}", "from", whose(arena, what + 1));
	else
		return wrong("-q, -qIid, -qR or -qS with an address or a domain (the server sees "
		             "to it by "
		             "itself); not -q",
		             what);
	return cli_request(m->cli, "queue.retry", request, NULL, NULL);
}

static int read_options(struct sendmail *m)
{
	const struct cli *cli = m->cli;
	char **argv = ARENA_ARRAY(cli->arena, cli->word_count + 2, char *);
	argv[0] = arena_printf(cli->arena, "sendmail");
	for (size_t i = 0; i < cli->word_count; i++)
		argv[i + 1] = arena_str(cli->arena, slice_from_str(cli->words[i]));
	int letter, status = EX_OK, argc = (int)cli->word_count + 1;
	while (status == EX_OK &&
	       (letter = getopt(argc, argv, "+A:B:C:F:GL:N:O:R:UV:X:b:d::e:f:h:imno:p:q::r:tv")) >=
	               0)
		status = take_option(m, letter, optarg);
	m->recipients = &argv[optind];
	m->recipient_count = (size_t)(argc - optind);
	return status;
}

static int run(struct cli *cli)
{
	const char *socket = getenv("VEREDUS_SOCKET");
	struct sendmail m = { .cli = cli,
		              .mode = SENDMAIL_DELIVER,
		              .socket = socket ? socket : CONFIG_LOCAL_SOCKET };
	int status = read_options(&m);
	if (status != EX_OK)
		return status;
	if (m.run_queue)
		return run_queue(&m);
	switch (m.mode) {
	case SENDMAIL_QUEUE:
		return sendmail_list_queue(cli);
	case SENDMAIL_ALIASES:
		return sendmail_new_aliases(cli);
	case SENDMAIL_SMTP:
		return sendmail_smtp(&m);
	case SENDMAIL_VERIFY:
		return sendmail_verify(&m);
	default:
		return sendmail_deliver(&m);
	}
}

const struct cli_command cmd_sendmail = {
	.name = "sendmail",
	.summary = "Send mail as programs do that call sendmail.",
	.usage = "[-i] [-t] [-f SENDER] [-F NAME] [-N WHEN] [-R full|hdrs] [-V ID] [-v] "
		 "[-bs|-bv|-bp|-bi|-q] [RECIPIENT...]",
	.text = "A message from standard input goes to the server on this host, over the socket\n"
		"of its listener of the kind local: no login is asked for. Also what the\n"
		"program does when it is called sendmail. See veredus-sendmail(1).\n",
	.raw = true,
	.max_words = CLI_ANY_WORDS,
	.run = run,
};
