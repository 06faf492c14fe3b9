/* The options of mail for other hosts. */
#include "config/config_options_table.h"

/* A transport is a smarthost of another kind, a route one without a host. */
#define AT_TRANSPORT_WAY(member) AT_TRANSPORT(way.member)
#define WAY_OPTIONS(section, AT_WAY)                                                               \
	{ section,                                                                                 \
	  "domain",                                                                                \
	  CONFIG_LIST,                                                                             \
	  NULL,                                                                                    \
	  0,                                                                                       \
	  0,                                                                                       \
	  "The domains that it is for, \"*\" being all; without it the title is the domain." },    \
		{ section,                                                                         \
		  "sender",                                                                        \
		  CONFIG_LIST,                                                                     \
		  NULL,                                                                            \
		  0,                                                                               \
		  0,                                                                               \
		  "Only mail of these senders: addresses or domains, with * and ? in them, "       \
		  "\"<>\"; "                                                                       \
		  "\"!\" in front of those that are not meant." },                                 \
	{                                                                                          \
		section, "account", CONFIG_LIST, NULL, 0, 0,                                       \
			"Only mail that these accounts have handed in, written like senders."      \
	}

#define SOURCE_OPTIONS(section, AT_WAY)                                                            \
	{ section,                                                                                 \
	  "source",                                                                                \
	  CONFIG_LIST,                                                                             \
	  NULL,                                                                                    \
	  0,                                                                                       \
	  0,                                                                                       \
	  "Addresses to connect from, taken in turn, each with the name for EHLO behind it if it " \
	  "has one of its own. A family that is not among them is not used. Default: those of "    \
	  "section queue." },                                                                      \
	{                                                                                          \
		section, "helo", CONFIG_TEXT, NULL, AT_WAY(helo),                                  \
			"The name for EHLO. Default: hostname."                                    \
	}

#define TIME_OPTIONS(section, AT_WAY)                                                              \
	{ section,                                                                                 \
	  "retry-first",                                                                           \
	  CONFIG_DURATION,                                                                         \
	  NULL,                                                                                    \
	  AT_WAY(times.retry_first_ms),                                                            \
	  "As in section queue, which has the defaults of this and the next three.",               \
	  .min = 10,                                                                               \
	  .max = DAYS(1) },                                                                        \
		{ section,                                                                         \
		  "retry-max",                                                                     \
		  CONFIG_DURATION,                                                                 \
		  NULL,                                                                            \
		  AT_WAY(times.retry_max_ms),                                                      \
		  "The longest pause between attempts.",                                           \
		  .min = 10,                                                                       \
		  .max = DAYS(7) },                                                                \
		{ section,                                                                         \
		  "expire",                                                                        \
		  CONFIG_DURATION,                                                                 \
		  NULL,                                                                            \
		  AT_WAY(times.expire_ms),                                                         \
		  "How long delivery is tried.",                                                   \
		  .min = 10,                                                                       \
		  .max = DAYS(60) },                                                               \
	{                                                                                          \
		section, "delay-notice-after", CONFIG_DURATION, NULL,                              \
			AT_WAY(times.delay_notice_ms), "When the sender is told of a delay.",      \
			.min = 10, .max = DAYS(60)                                                 \
	}

#define RATE_OPTIONS(section, prefix, AT_RATE, of)                                                 \
	{ section,                                                                                 \
	  prefix "messages-per-minute",                                                            \
	  CONFIG_NUMBER,                                                                           \
	  "0",                                                                                     \
	  AT_RATE(messages),                                                                       \
	  "Messages that " of " is given in a minute, evenly; 0: as many as it takes.",            \
	  .min = 0,                                                                                \
	  .max = 1000000,                                                                          \
	  .at_start = true },                                                                      \
		{ section,                                                                         \
		  prefix "recipients-per-minute",                                                  \
		  CONFIG_NUMBER,                                                                   \
		  "0",                                                                             \
		  AT_RATE(recipients),                                                             \
		  "The same of recipients.",                                                       \
		  .min = 0,                                                                        \
		  .max = 1000000,                                                                  \
		  .at_start = true },                                                              \
	{                                                                                          \
		section, prefix "connections-per-minute", CONFIG_NUMBER, "0",                      \
			AT_RATE(connections), "The same of connections.",                          \
			.min = 0, .max = 1000000, .at_start = true                                 \
	}
#define AT_SMARTHOST_RATE(member) AT_SMARTHOST(rates.member)
#define AT_TRANSPORT_RATE(member) AT_TRANSPORT_WAY(rates.member)
#define AT_QUEUE_RATE(member)     AT(queue.rates.member)

/* clang-format off */
static const struct config_option options[] = {
	WAY_OPTIONS("smarthost", AT_SMARTHOST),
	{ "smarthost", "host", CONFIG_TEXT, NULL, AT_SMARTHOST(host),
	  "The name or address of the host that takes the mail." },
	{ "smarthost", "port", CONFIG_PORT, "587", AT_SMARTHOST(port), "Its port." },
	{ "smarthost", "tls", CONFIG_CHOICE, "verified", AT_SMARTHOST(tls),
	  "none; opportunistic and required take any certificate; verified (STARTTLS) and "
	  "implicit (from the start, port 465) check it.",
	  .choices = { "none", "opportunistic", "required", "verified", "implicit" } },
	{ "smarthost", "user", CONFIG_TEXT, NULL, AT_SMARTHOST(user), "The name to log in with." },
	{ "smarthost", "password-file", CONFIG_PATH, NULL, AT_SMARTHOST(password),
	  "A file whose first line is the password." },
	{ "smarthost", "auth", CONFIG_CHOICE, "any", AT_SMARTHOST(auth),
	  "How to log in: any is the strongest that the host offers. gssapi needs no password, but a "
	  "ticket or client keytab of the server (docs/outbound.md); user is then who to act for.",
	  .choices = { "any", "plain", "login", "cram-md5", "digest-md5", "scram-sha-1",
	               "scram-sha-256", "gssapi" } },

	SOURCE_OPTIONS("smarthost", AT_SMARTHOST),
	TIME_OPTIONS("smarthost", AT_SMARTHOST),
	RATE_OPTIONS("smarthost", "", AT_SMARTHOST_RATE, "it"),

	WAY_OPTIONS("transport", AT_TRANSPORT_WAY),
	{ "transport", "lmtp", CONFIG_TEXT, NULL, AT_TRANSPORT(lmtp),
	  "Where the program listens: \"unix:PATH\", or \"HOST:PORT\" (without :PORT it is 24)." },
	{ "transport", "tls", CONFIG_CHOICE, "opportunistic", AT_TRANSPORT_WAY(tls),
	  "As in a smarthost; over a Unix socket there is none.",
	  .choices = { "none", "opportunistic", "required", "verified", "implicit" } },
	SOURCE_OPTIONS("transport", AT_TRANSPORT_WAY),
	TIME_OPTIONS("transport", AT_TRANSPORT_WAY),
	{ "transport", "pipe", CONFIG_LIST, NULL, 0, 0,
	  "A command that gets the mail on standard input, once for each recipient: its absolute "
	  "path and its arguments, without a shell (docs/outbound.md)." },
	{ "transport", "maildir", CONFIG_TEXT, NULL, AT_TRANSPORT(maildir),
	  "A Maildir of the Unix user, such as \"${home}/Maildir\"." },
	{ "transport", "mbox", CONFIG_TEXT, NULL, AT_TRANSPORT(mbox),
	  "An mbox of the Unix user, such as \"/var/mail/${local}\"." },
	{ "transport", "user", CONFIG_TEXT, NULL, AT_TRANSPORT_WAY(unix_user),
	  "The Unix user whose file it is or as whom the command runs. Default: ${local} for files, "
	  "the server's for commands." },
	{ "transport", "group", CONFIG_TEXT, NULL, AT_TRANSPORT_WAY(unix_group),
	  "The group, instead of the user's: for /var/mail it is \"mail\" on most systems." },
	{ "transport", "time-limit", CONFIG_DURATION, "5m", AT_TRANSPORT_WAY(time_limit_ms),
	  "How long a command may run, or a file be waited for, before it is tried again later.",
	  .min = 100, .max = SECONDS(3600) },
	{ "transport", "max-deliveries", CONFIG_NUMBER, "10", AT_TRANSPORT_WAY(max_deliveries),
	  "Commands that run, or files that are written, at a time.", .min = 1, .max = 1000 },
	RATE_OPTIONS("transport", "", AT_TRANSPORT_RATE, "it"),
	{ "transport", "accept-from", CONFIG_CHOICE, "trusted", AT_TRANSPORT(accept_from),
	  "Whose mail for the domain is taken: trusted is who has logged in and relay-networks; "
	  "everybody makes the domain one that the world may write to.",
	  .choices = { "trusted", "everybody" } },

	WAY_OPTIONS("route", AT_SMARTHOST),
	SOURCE_OPTIONS("route", AT_SMARTHOST),
	TIME_OPTIONS("route", AT_SMARTHOST),
	RATE_OPTIONS("route", "", AT_SMARTHOST_RATE, "all that goes by it"),

	{ "queue", "source", CONFIG_LIST, NULL, 0, 0,
	  "Addresses to connect to other hosts from, as in a smarthost.", .at_start = true },
	{ "queue", "retry-first", CONFIG_DURATION, "5m", AT(queue.times.retry_first_ms),
	  "The pause after the first attempt that failed for now; it doubles with each.",
	  .min = 10, .max = DAYS(1), .at_start = true },
	{ "queue", "retry-max", CONFIG_DURATION, "4h", AT(queue.times.retry_max_ms),
	  "The longest pause between attempts.", .min = 10, .max = DAYS(7), .at_start = true },
	{ "queue", "expire", CONFIG_DURATION, "5d", AT(queue.times.expire_ms),
	  "How long delivery is tried before the message goes back to its sender.",
	  .min = 10, .max = DAYS(60), .at_start = true },
	{ "queue", "delay-notice-after", CONFIG_DURATION, "4h", AT(queue.times.delay_notice_ms),
	  "When the sender is told that mail has not been delivered yet, once.",
	  .min = 10, .max = DAYS(60) },
	{ "queue", "delay-notice-unasked", CONFIG_FLAG, "no", AT(queue.delay_notice_unasked),
	  "Tell also those senders who did not say by NOTIFY what they want to hear; no: only those "
	  "who asked for it (NOTIFY=DELAY)." },
	{ "queue", "max-connections", CONFIG_NUMBER, "100", AT(queue.max_connections),
	  "Connections to other hosts at a time.", .min = 1, .max = 100000, .at_start = true },
	{ "queue", "max-connections-per-destination", CONFIG_NUMBER, "10",
	  AT(queue.max_connections_per_destination),
	  "Connections to one destination at a time.", .min = 1, .max = 10000, .at_start = true },
	{ "queue", "first-connections-per-destination", CONFIG_NUMBER, "5",
	  AT(queue.first_connections_per_destination),
	  "As many at first. With each message that gets through it may become more, up to "
	  "max-connections-per-destination, and fewer when it has trouble.", .min = 1, .max = 10000,
	  .at_start = true },
	RATE_OPTIONS("queue", "destination-", AT_QUEUE_RATE, "a destination"),
	{ "queue", "max-recipients-per-transaction", CONFIG_NUMBER, "100",
	  AT(queue.max_recipients_per_transaction),
	  "Recipients that a message is sent to at once.", .min = 1, .max = 10000 },
	{ "queue", "connect-timeout", CONFIG_DURATION, "30s", AT(queue.connect_timeout_ms),
	  "How long one address is tried.", .min = 10, .max = SECONDS(300) },
	{ "queue", "connect-fallback", CONFIG_DURATION, "250ms", AT(queue.connect_fallback_ms),
	  "How long an address is silent before the next one of the same host is tried beside it "
	  "(RFC 8305); the first that answers is it.", .min = 10, .max = SECONDS(300) },
	{ "queue", "command-timeout", CONFIG_DURATION, "5m", AT(queue.command_timeout_ms),
	  "How long a reply to a command is waited for (RFC 5321 section 4.5.3.2).",
	  .min = 10, .max = SECONDS(3600) },
	{ "queue", "data-timeout", CONFIG_DURATION, "10m", AT(queue.data_timeout_ms),
	  "How long the reply to the whole message is waited for.", .min = 10,
	  .max = SECONDS(3600) },
	{ "queue", "message-timeout", CONFIG_DURATION, "30m", AT(queue.message_timeout_ms),
	  "How long a message may take from MAIL to its end, besides what min-data-rate grants "
	  "for its size; then it is tried again later.", .min = 10, .max = DAYS(1) },
	{ "queue", "min-data-rate", CONFIG_NUMBER, "1000", AT(queue.min_data_rate),
	  "Bytes of a message for which a second is granted besides message-timeout.",
	  .min = 1, .max = 1000000000 },
	{ "queue", "smtp-port", CONFIG_PORT, "25", AT(queue.smtp_port),
	  "The port of MX hosts; another than 25 is for tests." },
	{ "queue", "chunking", CONFIG_FLAG, "yes", AT(queue.chunking),
	  "Send messages in one chunk (BDAT, RFC 3030) to hosts that offer it; \"no\" is for those "
	  "that only claim to know it. Binary messages go no other way." },
	{ "queue", "lease-time", CONFIG_DURATION, "60s", AT(queue.lease_ms),
	  "Where several servers share a store: what one was sending is taken over by the others when "
	  "it has not been heard of for so long.", .min = 500, .max = SECONDS(3600), .at_start = true },
	{ "queue", "max-reports-per-sender", CONFIG_NUMBER, "100", AT(queue.max_reports_per_sender),
	  "Reports (bounces, notices of delay) that a sender gets in an hour; of what is more he is told "
	  "in one message (report-digest-after). 0: no limit." },
	{ "queue", "report-digest-after", CONFIG_DURATION, "1h", AT(queue.report_digest_ms),
	  "After so long a sender who had too many reports is told of the failures that were left out, "
	  "in one message.", .min = 100, .max = DAYS(7) },
	{ "queue", "max-bounce-searches", CONFIG_NUMBER, "60", AT(queue.max_bounce_searches),
	  "Reports that come back without the id that the message had here are looked for by its "
	  "Message-ID, ENVID or reverse-path, so many in a minute: each search costs some "
	  "milliseconds. 0: none.", .min = 0, .max = 100000 },
	{ "queue", "double-bounces", CONFIG_FLAG, "yes", AT(queue.double_bounces),
	  "Tell postmaster of reports that can't be delivered, and of mail whose sender can't be." },
	{ "queue", "max-double-bounces", CONFIG_NUMBER, "20", AT(queue.max_double_bounces),
	  "So many of these in an hour.", .min = 1, .max = 100000 },
	{ "queue", "tls", CONFIG_FLAG, "yes", AT(queue.tls),
	  "Encrypt by STARTTLS where the other host offers it.", .at_start = true },
	{ "queue", "dane", CONFIG_FLAG, "yes", AT(queue.dane),
	  "Mail for an MX host that has TLSA records (RFC 7672) goes to the one that they name, or "
	  "waits. It takes a DNS with DNSSEC: see trust-anchor." },
};
/* clang-format on */
const struct config_option_table config_options_queue = CONFIG_OPTION_TABLE(options);
