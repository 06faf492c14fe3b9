/* The options of TLS towards other hosts. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "tls", "level", CONFIG_CHOICE, "required", AT_TLS(level),
	  "required (any certificate), verified (one for the name of the MX host) and dane (TLSA "
	  "records) hold besides what the domain publishes itself; none and opportunistic hold "
	  "instead of it.",
	  .choices = { "none", "opportunistic", "required", "verified", "dane" } },
	{ "tls", "oldest-version", CONFIG_CHOICE, "1.2", AT_TLS(oldest),
	  "The oldest version of TLS that will do.", .choices = { "1.2", "1.3" } },

	{ "mta-sts", "enabled", CONFIG_FLAG, "yes", AT(mta_sts.enabled),
	  "Mail for a domain that publishes a policy goes as that asks, or waits." },
	{ "mta-sts", "refresh", CONFIG_DURATION, "1d", AT(mta_sts.refresh_ms),
	  "How old a policy that is in use may become before it is fetched again; it is also at "
	  "the half of the time that it says it is good for.", .min = 100, .max = DAYS(30) },
	{ "mta-sts", "timeout", CONFIG_DURATION, "30s", AT(mta_sts.timeout_ms),
	  "How long fetching one may take. RFC 8461 suggests a minute; mail waits for it.",
	  .min = 100, .max = SECONDS(60) },
	{ "mta-sts", "port", CONFIG_PORT, "443", AT(mta_sts.port),
	  "The port of the web servers; another than 443 is for tests." },
	{ "mta-sts", "ca", CONFIG_PATH, NULL, AT(mta_sts.ca),
	  "A PEM file of the roots that their certificates must lead to. Default: the system's." },

	{ "tls-report", "enabled", CONFIG_FLAG, "yes", AT(tls_report.enabled),
	  "Domains that ask for it (TXT record of _smtp._tls) are told once a day how TLS with "
	  "their hosts went." },
	{ "tls-report", "from", CONFIG_TEXT, NULL, AT(tls_report.from),
	  "The address that reports come from, one of ours, which is also the contact in them. "
	  "Default: postmaster of the first domain." },
	{ "tls-report", "organization", CONFIG_TEXT, NULL, AT(tls_report.organization),
	  "Who reports. Default: hostname." },
	{ "tls-report", "spread", CONFIG_DURATION, "4h", AT(tls_report.spread_ms),
	  "Reports go out by chance within this time after the day (UTC) is over.",
	  .min = 0, .max = DAYS(1) },
	{ "tls-report", "keep", CONFIG_DURATION, "90d", AT(tls_report.keep_ms),
	  "How long reports can be looked at, sent and received ones.", .min = SECONDS(86400),
	  .max = DAYS(3650) },
	{ "tls-report", "ca", CONFIG_PATH, NULL, AT(tls_report.ca),
	  "A PEM file of the roots that the certificates of web servers that take reports must "
	  "lead to. Default: the system's." },
	{ "tls-report", "max-rows-a-day", CONFIG_NUMBER, "50000", AT(tls_report.max_rows),
	  "How many different things are counted in a day, over all domains (and 2,000 of each), so that strangers "
	  "can't fill the store with made-up ones; what is beyond is left out of the reports.",
	  .min = 1, .max = 10000000 },
	{ "tls-report", "address", CONFIG_TEXT, NULL, AT(tls_report.address),
	  "The address of ours that other servers send their reports to: they are read, besides "
	  "being delivered as any mail." },
};
/* clang-format on */
const struct config_option_table config_options_tls = CONFIG_OPTION_TABLE(options);
