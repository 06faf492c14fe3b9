/* veredus bench: a load generator, and a place where mail ends. */
#include "cli/bench.h"
#include "cli/cli_commands.h"

static const struct cli_option options[] = {
	{ "server", 0, "HOST:PORT", "who is measured (smtp)" },
	{ "sessions", 0, "COUNT", "sessions at the same time (smtp; 10)" },
	{ "messages", 0, "COUNT", "in all (smtp; 1000), or until it ends (sink)" },
	{ "seconds", 0, "SECONDS", "instead of a number of messages (smtp)" },
	{ "size", 0, "BYTES", "of a message (smtp; 10240)" },
	{ "recipients", 0, "COUNT", "of a message (smtp; 1)" },
	{ "from", 0, "ADDRESS", "reverse-path; %d in it is the message's number (smtp)" },
	{ "to", 0, "ADDRESS", "recipient; %d in it is the recipient's number (smtp)" },
	{ "users", 0, "COUNT",
	  "the number in --to goes from 0 to COUNT - 1, again and again (smtp)" },
	{ "no-reuse", 0, NULL, "a connection for each message (smtp)" },
	{ "no-pipelining", 0, NULL, "wait for each reply (smtp)" },
	{ "tls", 0, "RULE", "none, starttls or implicit; any certificate is believed (smtp)" },
	{ "user", 0, "NAME,PASSWORD", "log in (smtp)" },
	{ "workers", 0, "COUNT", "threads (1)" },
	{ "listen", 0, "ADDRESS", "where (sink; 127.0.0.1:2525, port 0 for any)" },
	{ "json", 0, NULL, "results as one JSON object (smtp)" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "smtp", "", "Send mail to a server, and measure.", 0, 0, bench_smtp },
	{ "sink", "", "Be a server that takes all mail and keeps none.", 0, 0, bench_sink },
	{ 0 },
};

const struct cli_command cmd_bench = {
	.name = "bench",
	.summary = "Measure any SMTP server: rate, errors, latency.",
	.text = "Times are from MAIL to the reply to the final dot. Only measure servers that are "
		"yours.\n",
	.options = options,
	.verbs = verbs,
};
