/* veredus bench: a load generator, and a place where mail ends. */
#include "cli/bench_mail.h"
#include "cli/cli_commands.h"

static const struct cli_option options[] = {
	{ "server", 0, "HOST:PORT", "who is measured (smtp, imap, pop3)" },
	{ "sessions", 0, "COUNT", "sessions at the same time (smtp, imap, pop3; 10)" },
	{ "messages", 0, "COUNT",
	  "in all (smtp; 1000), of a session (pop3; 10), or until it ends (sink)" },
	{ "seconds", 0, "SECONDS",
	  "instead of a number of messages (smtp); how long (imap, pop3; 10)" },
	{ "mode", 0, "MODE",
	  "mix, login, idle or append (imap; mix); retrieve or login (pop3; retrieve)" },
	{ "folder", 0, "FOLDER", "that is used (imap; INBOX)" },
	{ "size", 0, "BYTES", "of a message (smtp; 10240) that is appended (imap; 4096)" },
	{ "recipients", 0, "COUNT", "of a message (smtp; 1)" },
	{ "from", 0, "ADDRESS", "reverse-path; %d in it is the message's number (smtp)" },
	{ "to", 0, "ADDRESS", "recipient; %d in it is the recipient's number (smtp)" },
	{ "users", 0, "COUNT",
	  "numbers in --to (smtp) or --user (imap, pop3; 1) go from 0 to COUNT - 1, again and "
	  "again" },
	{ "no-reuse", 0, NULL, "a connection for each message (smtp)" },
	{ "no-pipelining", 0, NULL, "wait for each reply (smtp)" },
	{ "tls", 0, "RULE",
	  "none, starttls or implicit; any certificate is believed (smtp, imap, pop3)" },
	{ "user", 0, "NAME,PASSWORD",
	  "log in (smtp, imap, pop3); %d in NAME is the session's number (imap, pop3)" },
	{ "workers", 0, "COUNT", "threads (1)" },
	{ "listen", 0, "ADDRESS", "where (sink; 127.0.0.1:2525, port 0 for any)" },
	{ "json", 0, NULL, "results as one JSON object (smtp, imap, pop3)" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "smtp", "", "Send mail to a server, and measure.", 0, 0, bench_smtp },
	{ "imap", "", "Log in, idle, fetch, flag and append, and measure.", 0, 0, bench_imap },
	{ "pop3", "", "Log in, list and retrieve, and measure.", 0, 0, bench_pop3 },
	{ "sink", "", "Be a server that takes all mail and keeps none.", 0, 0, bench_sink },
	{ 0 },
};

const struct cli_command cmd_bench = {
	.name = "bench",
	.summary = "Measure any SMTP, IMAP or POP3 server: rate, errors, latency.",
	.text = "Times of smtp are from MAIL to the reply to the final dot; imap and pop3 tell "
		"those of each\nkind of request, and look at every answer. Only measure servers "
		"that are yours, and users\nwhose mail may change: imap appends to the folder and "
		"flags what is in it.\n",
	.options = options,
	.verbs = verbs,
};
