/* The options of finding out who has sent a message, and of signing. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "trust", "verify", CONFIG_FLAG, "yes", AT(trust.verify),
	  "Check the signatures of mail that strangers bring, and write what comes of it into "
	  "Authentication-Results." },
	{ "trust", "authserv-id", CONFIG_TEXT, NULL, AT(trust.authserv_id),
	  "The name in which results are written; fields in that name that strangers bring are taken "
	  "out. Servers that share their results share it. Default: the hostname." },
	{ "trust", "timeout", CONFIG_DURATION, "10s", AT(trust.timeout_ms),
	  "How long all that is asked of the DNS about one message may take; what is not known by then "
	  "is a temperror.", .min = 100, .max = SECONDS(120) },
	{ "trust", "max-signatures", CONFIG_NUMBER, "10", AT(trust.max_signatures),
	  "DKIM signatures of one message that are verified, from the top.", .min = 1, .max = 20 },
	{ "trust", "partial-body", CONFIG_FLAG, "no", AT(trust.partial_body),
	  "Let a DKIM signature pass that signs only the beginning of the body (l=): others may have "
	  "put something behind it." },
	{ "trust", "domainkeys", CONFIG_FLAG, "yes", AT(trust.domainkeys),
	  "Verify signatures of DomainKeys (RFC 4870), too, which old mail has. What comes of it is only "
	  "told: DMARC does not count it." },
	{ "trust", "spf", CONFIG_FLAG, "yes", AT(trust.spf),
	  "Ask the sender's domain which hosts may send its mail (SPF, RFC 7208)." },
	{ "trust", "spf-helo", CONFIG_FLAG, "yes", AT(trust.spf_helo),
	  "Ask the same of the name in HELO; without it, only if the sender is <>." },
	{ "trust", "spf-lookups", CONFIG_NUMBER, "10", AT(trust.spf_lookups),
	  "Terms of SPF records that may ask the DNS, in all; one more is a permerror. RFC 7208 wants 10.",
	  .min = 1, .max = 50 },
	{ "trust", "spf-void-lookups", CONFIG_NUMBER, "2", AT(trust.spf_void_lookups),
	  "Answers without a record that they may get; one more is a permerror.", .max = 50 },
	{ "trust", "received-spf", CONFIG_FLAG, "no", AT(trust.received_spf),
	  "Write a field Received-SPF, too. Authentication-Results says the same." },
	{ "trust", "dmarc", CONFIG_FLAG, "yes", AT(trust.dmarc),
	  "Ask the domain of the author (From) what it wants done with mail that neither SPF nor DKIM show "
	  "to be its own (DMARC, RFC 9989)." },
	{ "trust", "dmarc-policy", CONFIG_CHOICE, "apply", AT(trust.dmarc_policy),
	  "Do what it wants: refuse the message, or put it into the folder Junk; quarantine: into Junk in "
	  "either case; report: nothing, it is only written down.",
	  .choices = { "report", "quarantine", "apply" } },
	{ "trust", "dmarc-quarantine", CONFIG_CHOICE, "junk", AT(trust.dmarc_hold),
	  "Where mail goes that the domain wants to be quarantined: into the folder Junk, or into the "
	  "quarantine of this server.", .choices = { "junk", "quarantine" } },
	{ "trust", "sign", CONFIG_CHOICE, "users", AT(trust.sign),
	  "Whose mail to other hosts is signed, by domains that have keys (veredus dkim): nobody's, that "
	  "of users and our own reports, or that of all who are trusted, relay-networks included.",
	  .choices = { "nobody", "users", "trusted" } },
	{ "trust", "seal", CONFIG_FLAG, "yes", AT(trust.seal),
	  "Seal (ARC, RFC 8617) what aliases send on to other hosts, by the domain of the alias, if it has "
	  "keys." },
	{ "trust", "trusted-sealers", CONFIG_LIST, NULL, 0, 0,
	  "Domains whose seals are believed: { \"lists.example.org\", \"example.net\" }. A message counts as "
	  "checked by them if all who have sealed it are among these." },
	{ "trust", "keep-old-keys", CONFIG_DURATION, "7d", AT(trust.keep_old_keys_ms),
	  "How long a signing key is listed, and its record should stay in the DNS, after another has "
	  "taken its place: mail with its signature is still under way.", .max = DAYS(365) },

	{ "dmarc-report", "enabled", CONFIG_FLAG, "no", AT(dmarc_report.enabled),
	  "Domains that ask for it (rua= of their DMARC record) are told once a day which hosts have sent "
	  "mail in their name, and what came of it. These reports must pass DMARC themselves: sign them." },
	{ "dmarc-report", "from", CONFIG_TEXT, NULL, AT(dmarc_report.from),
	  "The address that reports come from, one of ours, which is also the contact in them. "
	  "Default: postmaster of the first domain." },
	{ "dmarc-report", "organization", CONFIG_TEXT, NULL, AT(dmarc_report.organization),
	  "Who reports. Default: hostname." },
	{ "dmarc-report", "spread", CONFIG_DURATION, "4h", AT(dmarc_report.spread_ms),
	  "Reports go out by chance within this time after the day (UTC) is over.",
	  .min = 0, .max = DAYS(1) },
	{ "dmarc-report", "keep", CONFIG_DURATION, "90d", AT(dmarc_report.keep_ms),
	  "How long reports can be looked at, sent and received ones.", .min = SECONDS(86400),
	  .max = DAYS(3650) },
	{ "dmarc-report", "failures", CONFIG_FLAG, "no", AT(dmarc_failure.enabled),
	  "Domains that ask for it (ruf=) are told of single messages in their name that failed, once for "
	  "each way in which they do so on a day (RFC 9991). That tells others about your mail." },
	{ "dmarc-report", "failures-per-day", CONFIG_NUMBER, "20", AT(dmarc_failure.per_day),
	  "Such reports that one address gets in a day (UTC), at most.", .min = 1, .max = 10000 },
	{ "dmarc-report", "redact", CONFIG_FLAG, "yes", AT(dmarc_failure.redact),
	  "These reports show only the fields of a header that say which way the message took, with "
	  "\"redacted\" in the place of each local part. Without it they have the whole header." },
	{ "dmarc-report", "max-rows-a-day", CONFIG_NUMBER, "50000", AT(dmarc_report.max_rows),
	  "How many different things are counted in a day, over all domains (and 2,000 of each), so that strangers "
	  "can't fill the store with made-up ones; what is beyond is left out of the reports.",
	  .min = 1, .max = 10000000 },
	{ "dmarc-report", "address", CONFIG_TEXT, NULL, AT(dmarc_report.address),
	  "The address of ours that other servers send their reports to: they are read, besides "
	  "being delivered as any mail." },
};
/* clang-format on */
const struct config_option_table config_options_trust = CONFIG_OPTION_TABLE(options);
