/* The options of the server as a whole: listeners, certificates, DNS, the log. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "", "hostname", CONFIG_TEXT, NULL, AT(hostname),
	  "What this host calls itself in greetings and trace fields. Default: the system's name.",
	  .at_start = true },
	{ "", "workers", CONFIG_NUMBER, "0", AT(workers),
	  "Threads that serve connections; 0 is one a processor.", .max = 256, .at_start = true },
	{ "", "user", CONFIG_TEXT, NULL, AT(user),
	  "The user to become when started as root, after the ports are bound.", .at_start = true },
	{ "", "relay-certificates", CONFIG_LIST, NULL, 0, 0,
	  "Fingerprints (SHA-256) of TLS certificates whose owners may do so, too; clients are asked for "
	  "theirs then.", .at_start = true },
	{ "", "relay-networks", CONFIG_LIST, NULL, 0, 0,
	  "Networks such as \"10.0.0.0/8\" that may send anywhere without logging in." },

	{ "listen", "protocol", CONFIG_CHOICE, NULL, AT_LISTEN(kind),
	  "What is spoken. Default: the section's title.",
	  .choices = { "smtp", "submission", "submissions", "lmtp", "local", "odmr", "pop3", "pop3s",
	               "imap", "imaps", "managesieve", "http", "https" },
	  .at_start = true },
	{ "listen", "address", CONFIG_LIST, NULL, AT_LISTEN(addresses),
	  "Where: { \"*:25\", \"192.0.2.1:25\", \"[2001:db8::1]:25\" }; \"*\" is every address, "
	  "IPv4 and IPv6; \"unix:PATH\" is a socket in the file system.",
	  .at_start = true },
	{ "listen", "socket-mode", CONFIG_TEXT, "0660", AT_LISTEN(socket_mode),
	  "The permissions of Unix sockets, in octal: who may write to one may connect.",
	  .at_start = true },
	{ "listen", "socket-owner", CONFIG_TEXT, NULL, AT_LISTEN(socket_owner),
	  "Their owner: \"postfix\", \"postfix:mail\", \":mail\". Default: the option user.",
	  .at_start = true },
	{ "listen", "max-sessions", CONFIG_NUMBER, "20000", AT_LISTEN(max_sessions),
	  "Connections at a time on each address; 0 is no limit.", .max = 10000000 },
	{ "listen", "max-sessions-per-address", CONFIG_NUMBER, "200",
	  AT_LISTEN(max_sessions_per_address),
	  "Connections at a time from one client address (IPv6: from one /64); 0 is no limit.",
	  .max = 10000000 },
	{ "listen", "auth-without-tls", CONFIG_CHOICE, NULL, AT_LISTEN(auth_without_tls),
	  "Let clients log in over a connection that is not encrypted. Default: what the section of "
	  "the protocol (smtp, imap, pop3) says.",
	  .choices = { "no", "yes" } },
	{ "listen", "proxy-networks", CONFIG_LIST, NULL, AT_LISTEN(proxy_networks),
	  "Networks of load balancers, which begin each connection with a header of the PROXY "
	  "protocol, version 1 or 2, that says who the client is; without it they are refused.",
	  .at_start = true },
	{ "listen", "proxy-timeout", CONFIG_DURATION, "10s", AT_LISTEN(proxy_timeout_ms),
	  "How long that header is waited for.", .min = 10, .max = SECONDS(300),
	  .at_start = true },
	{ "listen", "xclient-networks", CONFIG_LIST, NULL, AT_LISTEN(xclient_networks),
	  "Networks of mail proxies and filters that may say by XCLIENT whom they speak for, login "
	  "included, and by XFORWARD where a message came from." },

	{ "certificate", "chain", CONFIG_PATH, NULL, AT_CERT(chain_path),
	  "A PEM file with the certificate and those between it and the root, in this order." },
	{ "certificate", "key", CONFIG_PATH, NULL, AT_CERT(key_path),
	  "A PEM file with the private key." },

	{ "dns", "forwarder", CONFIG_TEXT, NULL, AT(dns.forwarder),
	  "The resolver to ask, as \"127.0.0.1@53\"; \"\" asks the root servers and their like. "
	  "Default: those of /etc/resolv.conf." },
	{ "dns", "trust-anchor", CONFIG_PATH, NULL, AT(dns.trust_anchor),
	  "A file with the DS or DNSKEY records that DNSSEC starts from. Default: the "
	  "distribution's root key." },
	{ "dns", "timeout", CONFIG_DURATION, "10s", AT(dns.timeout_ms),
	  "How long one look-up may take, all tries included.", .min = 100, .max = SECONDS(120) },
	{ "dns", "cache", CONFIG_SIZE, "16M", AT(dns.cache_bytes),
	  "Memory for answers, in front of the cache of the resolver library; 0 keeps none there.",
	  .max = 1ull << 32 },
	{ "dns", "cache-min", CONFIG_DURATION, "5s", AT(dns.min_ttl_ms),
	  "An answer is kept there at least so long, whatever its TTL says.", .max = SECONDS(3600) },
	{ "dns", "cache-max", CONFIG_DURATION, "1d", AT(dns.max_ttl_ms),
	  "An answer is kept there at most so long; that there is nothing, for an hour at most.",
	  .min = 1000, .max = DAYS(7) },

	{ "log", "level", CONFIG_CHOICE, "info", AT(log.level), "The least severe that is written.",
	  .choices = { "error", "warn", "info", "debug" } },
	{ "log", "json", CONFIG_FLAG, "no", AT(log.json), "Write lines of JSON.", .at_start = true },
	{ "log", "keep-journeys", CONFIG_DURATION, "30d", AT(log.journey_ms),
	  "How long `veredus trace` knows a message; 0 is for ever." },
};
/* clang-format on */
const struct config_option_table config_options_server = CONFIG_OPTION_TABLE(options);
