/* The options of filters. */
#include "config/config_options_table.h"

#define AT_FILTER(member) WHERE(struct config_filter, member)

/* clang-format off */
static const struct config_option options[] = {
	{ "filter", "kind", CONFIG_CHOICE, "milter", AT_FILTER(kind),
	  "What it speaks: milter, the protocol of Sendmail's and Postfix's mail filters, clamd, that of "
	  "ClamAV's daemon (INSTREAM), rspamd, that of Rspamd's normal worker (HTTP), or spamd, that "
	  "of SpamAssassin's daemon.", .choices = { "milter", "clamd", "rspamd", "spamd" } },
	{ "filter", "address", CONFIG_TEXT, NULL, AT_FILTER(address_text),
	  "Where it listens: \"127.0.0.1:8891\", \"[::1]:8891\" or \"unix:/run/filter.sock\"." },
	{ "filter", "mail", CONFIG_CHOICE, "incoming", AT_FILTER(mail),
	  "What it is shown: mail of strangers (incoming), of who may send to everybody (outgoing), or "
	  "all.", .choices = { "incoming", "outgoing", "all" } },
	{ "filter", "on-failure", CONFIG_CHOICE, "closed", AT_FILTER(on_failure),
	  "If it can't be asked, or fails: open takes the message as it is, closed answers 451, so that "
	  "the sender tries again.", .choices = { "open", "closed" } },
	{ "filter", "on-found", CONFIG_CHOICE, "reject", AT_FILTER(on_found),
	  "What becomes of malware that clamd finds: it is refused (550), put into the folder Junk (of "
	  "what our users send refused, too), accepted and thrown away, or held in the quarantine.",
	  .choices = { "reject", "junk", "discard", "quarantine" } },
	{ "filter", "on-quarantine", CONFIG_CHOICE, "junk", AT_FILTER(on_quarantine),
	  "What becomes of a message that a milter wants to be quarantined, or Rspamd to be put aside: the "
	  "folder Junk (of what our users send it is refused), or the quarantine of this server.",
	  .choices = { "junk", "quarantine" } },
	{ "filter", "on-spam", CONFIG_CHOICE, "junk", AT_FILTER(on_spam),
	  "What becomes of what Rspamd would mark (add header, rewrite subject), or spamd calls spam: it "
	  "goes into the folder Junk (of what our users send refused), only gets X-Spam-Flag: YES (tag), or is refused "
	  "(550).", .choices = { "junk", "tag", "reject" } },
	{ "filter", "weight", CONFIG_TEXT, "1", AT_FILTER(weight_text),
	  "What one point of Rspamd's or spamd's is in the score table; 0: it only acts." },
	{ "filter", "user", CONFIG_TEXT, NULL, AT_FILTER(user),
	  "Whose preferences spamd is to take. Default: its own." },
	{ "filter", "password-file", CONFIG_PATH, NULL, AT_FILTER(password),
	  "A file whose first line is the password that Rspamd wants to hear." },
	{ "filter", "max-size", CONFIG_SIZE, "1G", AT_FILTER(max_bytes),
	  "A larger message passes without being shown to it.", .min = 1000 },
	{ "filter", "connect-timeout", CONFIG_DURATION, "5s", AT_FILTER(connect_timeout_ms),
	  "How long a connection to it, and one that is free, are waited for.", .min = 50,
	  .max = SECONDS(300) },
	{ "filter", "command-timeout", CONFIG_DURATION, "10s", AT_FILTER(command_timeout_ms),
	  "How long each answer but the last is waited for.", .min = 50, .max = SECONDS(600) },
	{ "filter", "message-timeout", CONFIG_DURATION, "60s", AT_FILTER(message_timeout_ms),
	  "How long its verdict on the whole message is waited for; it may ask for as much again.",
	  .min = 50, .max = SECONDS(600) },
	{ "filter", "total-timeout", CONFIG_DURATION, "5m", AT_FILTER(total_timeout_ms),
	  "How long one message may take in all. Senders wait ten minutes (RFC 5321).", .min = 50,
	  .max = SECONDS(600) },
	{ "filter", "max-connections", CONFIG_NUMBER, "20", AT_FILTER(max_connections),
	  "Messages that it is shown at once; further ones wait.", .min = 1, .max = 10000 },
};
/* clang-format on */
const struct config_option_table config_options_filter = CONFIG_OPTION_TABLE(options);
