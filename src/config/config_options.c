#include "config/config_options.h"

#include "config/config_options_table.h"

const struct config_section config_sections[] = {
	{ "listen", true, "its name, and its protocol unless that is said otherwise",
	  "Addresses to accept connections on. May stand several times." },
	{ "certificate", true, "any name",
	  "A TLS certificate. The first is the default; others are chosen by the name that the "
	  "client asks for." },
	{ "smarthost", true, "a domain, \"*\" for all that are not local, or with domain any name",
	  "Where mail goes instead of to the MX of its domain. Sections smarthost, transport and "
	  "route are asked in the order of the file, those that name the domain before those for "
	  "\"*\"; the first whose conditions hold has the mail.",
	  .at_start = true },
	{ "transport", true, "as of a smarthost",
	  "Another program that takes the mail, by LMTP or on its standard input; or files of Unix "
	  "users, Maildir or mbox. Instead of a smarthost.",
	  .at_start = true },
	{ "relay", true, "a domain that is not ours",
	  "A domain whose mail is taken from everybody and passed on, to its better MX hosts or to "
	  "its smarthost or transport (docs/relay.md)." },
	{ "route", true, "as of a smarthost",
	  "Mail that goes to the MX of its domain, but from other addresses than usual, or is "
	  "tried for "
	  "another time.",
	  .at_start = true },
	{ "tls", true, "a domain, or \"*\" for all",
	  "The least that mail for a domain asks of TLS, where it goes to its MX "
	  "(docs/transport-security.md)." },
	{ "mta-sts", false, NULL,
	  "The policies of other domains (RFC 8461, docs/transport-security.md).",
	  .at_start = true },
	{ "tls-report", false, NULL, "Reports about TLS (RFC 8460, docs/transport-security.md)." },
	{ "dmarc-report", false, NULL, "Reports about DMARC (RFC 9990, docs/trust.md)." },
	{ "suppression", true, "a sender's domain, or the address of an account",
	  "After a hard bounce no more mail of that sender is taken for the recipient "
	  "(docs/relay.md); for who sends to many." },
	{ "rule", true, "what the log and `veredus policy test` call it",
	  "Who may send mail to whom (docs/guard.md). Rules are walked in the order of the file; "
	  "the "
	  "first that holds with allow, reject or defer decides. What a rule does not ask for "
	  "holds "
	  "always; of a list one item must hold, and none that begins with \"!\"." },
	{ "passdb", true, "any name",
	  "Who is asked whether a password is right: in the order of the file, until one says so. "
	  "Without such a section it is the internal directory alone; with one it has to be "
	  "named, too.",
	  .at_start = true },
	{ "smtp", false, NULL, "Receiving mail." },
	{ "message", false, NULL,
	  "How far a message is taken apart. None is refused for being beyond: the rest is kept, "
	  "but not looked into." },
	{ "imap", false, NULL, "Reading mail over IMAP." },
	{ "pop3", false, NULL, "Reading mail over POP3." },
	{ "managesieve", false, NULL, "Keeping scripts over ManageSieve (docs/sieve.md)." },
	{ "auth", false, NULL, "Logging in, over any protocol." },
	{ "kerberos", false, NULL, "Logging in with a Kerberos ticket (GSSAPI).",
	  .at_start = true },
	{ "oauth", false, NULL,
	  "Logging in with a token that another server has issued (OAUTHBEARER, XOAUTH2).",
	  .at_start = true },
	{ "trust", false, NULL, "Who has sent a message: signatures (docs/trust.md)." },
	{ "dns-list", true, "a word, by which rules and scores name it",
	  "A blocklist or allowlist in the DNS (RFC 5782, docs/guard.md)." },
	{ "score", false, NULL,
	  "What lists and checks of a message add up to, and what is done then (docs/guard.md)." },
	{ "greylist", false, NULL,
	  "Of rules with the verdict greylist (RFC 6647, docs/guard.md)." },
	{ "filter", true, "what logs and journeys call it",
	  "A program that messages are shown to before they are taken (docs/guard.md). Several are "
	  "asked in the order of the file, each about what the one before has made of the "
	  "message." },
	{ "attachments", false, NULL, "Looking into files that come with mail (docs/guard.md)." },
	{ "bounces", false, NULL,
	  "Reports that come back: which are about mail of ours (docs/relay.md)." },
	{ "account-limits", false, NULL,
	  "Accounts that begin to send like a program that stole their password (docs/guard.md)." },
	{ "classifier", false, NULL,
	  "What is learned from mail that people call spam, or not (docs/guard.md)." },
	{ "quarantine", false, NULL,
	  "Mail that is held until somebody says what becomes of it (docs/guard.md)." },
	{ "guard", false, NULL, "Clients that misbehave: slowed, then shut out (docs/guard.md)." },
	{ "dns", false, NULL, "Asking the DNS.", .at_start = true },
	{ "queue", false, NULL, "Mail for other hosts." },
	{ "forward", false, NULL, "Mail that aliases send to other hosts (docs/relay.md).",
	  .at_start = true },
	{ "local", false, NULL, "Mailboxes and addresses of our own." },
	{ "sieve", false, NULL, "Scripts by which users have their mail sorted (docs/sieve.md)." },
	{ "quota", false, NULL,
	  "How much an account may hold; what is not said here is in section local." },
	{ "log", false, NULL, "What is written to standard error." },
};
const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

static const struct config_option_table *const tables[] = {
	&config_options_server,      &config_options_login,   &config_options_smtp,
	&config_options_trust,       &config_options_account, &config_options_bounces,
	&config_options_score,       &config_options_filter,  &config_options_quarantine,
	&config_options_queue,       &config_options_tls,     &config_options_relay,
	&config_options_mailbox,     &config_options_sieve,   &config_options_classifier,
	&config_options_attachments,
};

const struct config_option *config_option_at(size_t i)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		if (i < tables[t]->count)
			return &tables[t]->rows[i];
		i -= tables[t]->count;
	}
	return NULL;
}

const struct config_section *config_section_find(struct slice name)
{
	for (size_t i = 0; i < config_section_count; i++) {
		if (slice_equal(name, slice_from_str(config_sections[i].name)))
			return &config_sections[i];
	}
	return NULL;
}

const struct config_option *config_option_find(struct slice section, struct slice name)
{
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (slice_equal(section, slice_from_str(o->section)) &&
		    slice_equal(name, slice_from_str(o->name)))
			break;
	}
	return o;
}
