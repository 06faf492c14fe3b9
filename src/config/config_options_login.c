/* The options of logging in. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "passdb", "driver", CONFIG_CHOICE, "internal", AT_PASSDB(driver),
	  "What it is: the internal directory, a file of names and hashes, PAM, or an LDAP server.",
	  .choices = { "internal", "file", "pam", "ldap" } },
	{ "passdb", "domain", CONFIG_TEXT, NULL, AT_PASSDB(domain),
	  "Ask only about names in this domain; names without a domain are taken to be in it." },
	{ "passdb", "create-accounts", CONFIG_FLAG, "no", AT_PASSDB(create),
	  "Make the account at the first login. Else it must be there, made with --no-password." },
	{ "passdb", "remember", CONFIG_DURATION, "0", AT_PASSDB(remember_ms),
	  "How long a password that was right is not asked about again; changes made elsewhere are "
	  "seen after that time.", .max = DAYS(1) },
	{ "passdb", "timeout", CONFIG_DURATION, "10s", AT_PASSDB(timeout_ms),
	  "How long an answer is waited for; then the client is told to try again later.",
	  .min = 100, .max = SECONDS(120) },
	{ "passdb", "threads", CONFIG_NUMBER, "4", AT_PASSDB(threads),
	  "Questions at a time; sixteen times as many may wait.", .min = 1, .max = 64 },
	{ "passdb", "file", CONFIG_PATH, NULL, AT_PASSDB(file),
	  "Of a file: lines such as \"alice@example.org:{SHA512-CRYPT}$6$...\". It is read again "
	  "when it has changed." },
	{ "passdb", "service", CONFIG_TEXT, "veredus", AT_PASSDB(service),
	  "Of PAM: the name of the service, a file in /etc/pam.d." },
	{ "passdb", "pam-directory", CONFIG_PATH, NULL, AT_PASSDB(pam_directory),
	  "Of PAM: where service files are instead." },
	{ "passdb", "full-names", CONFIG_FLAG, "no", AT_PASSDB(full_names),
	  "Of PAM: users are called by their whole addresses, not by the parts before the \"@\"." },
	{ "passdb", "url", CONFIG_TEXT, NULL, AT_PASSDB(url),
	  "Of LDAP: \"ldaps://ldap.example.org\"; several, with spaces between, are tried in order." },
	{ "passdb", "starttls", CONFIG_FLAG, "no", AT_PASSDB(starttls),
	  "Of LDAP: encrypt a connection to ldap:// before anything else is said." },
	{ "passdb", "ca", CONFIG_PATH, NULL, AT_PASSDB(ca),
	  "Of LDAP: a PEM file with who may have signed the server's certificate. Default: the "
	  "system's." },
	{ "passdb", "bind-dn", CONFIG_TEXT, NULL, AT_PASSDB(bind_dn),
	  "Of LDAP: who searches. Default: nobody, anonymously." },
	{ "passdb", "bind-password-file", CONFIG_PATH, NULL, AT_PASSDB(bind_password),
	  "Of LDAP: a file whose first line is the password of bind-dn." },
	{ "passdb", "base", CONFIG_TEXT, NULL, AT_PASSDB(base), "Of LDAP: where people are below." },
	{ "passdb", "filter", CONFIG_TEXT, "(mail=%u)", AT_PASSDB(filter),
	  "Of LDAP: which entry it is; exactly one must be found. %u is the address, %n the part "
	  "before the \"@\", %d the domain." },
	{ "passdb", "address-attribute", CONFIG_TEXT, NULL, AT_PASSDB(address_attribute),
	  "Of LDAP: the attribute with the address of the account. Default: the name that was given "
	  "is the address." },

	{ "auth", "refusal-pause", CONFIG_DURATION, "1500ms", AT(auth.refusal_pause_ms),
	  "How long a client with a wrong password waits for the answer, and up to as much again.",
	  .max = SECONDS(60) },
	{ "auth", "failure-wait-max", CONFIG_DURATION, "20s", AT(auth.toll_max_ms),
	  "The longest that logins are made to wait because of failures before them, from the same "
	  "client or with the same name; the wait doubles with each. 0 is no wait.",
	  .max = SECONDS(120) },
	{ "auth", "failure-half-life", CONFIG_DURATION, "10m", AT(auth.toll_half_ms),
	  "In how long failed logins come to count half.", .min = SECONDS(1), .max = DAYS(1) },
	{ "auth", "remember", CONFIG_DURATION, "10m", AT(auth.remember_ms),
	  "How long a password that was right is not hashed again (a keyed digest of it is kept in "
	  "memory); 0 hashes always.", .max = DAYS(1) },
	{ "auth", "channel-binding", CONFIG_FLAG, "no", AT(auth.channel_binding),
	  "Offer SCRAM that is bound to the TLS connection (-PLUS), so that nobody in the middle can "
	  "pass it on. Mutt up to 2.2.12 takes the offer and then fails: see docs/auth.md." },
	{ "auth", "client-certificates", CONFIG_FLAG, "no", AT(auth.client_certificates),
	  "Ask clients for a TLS certificate, with which they can log in (EXTERNAL) if `veredus "
	  "certificate` has listed it. None is demanded.",
	  .at_start = true },
	{ "auth", "client-ca", CONFIG_PATH, NULL, AT(auth.client_ca),
	  "Ask clients for a TLS certificate, and believe the e-mail addresses in those that a CA of "
	  "this file has signed: with such a one the account of that address can log in.",
	  .at_start = true },

	{ "kerberos", "keytab", CONFIG_PATH, NULL, AT(kerberos.keytab),
	  "A file with the keys of smtp/HOSTNAME, imap/HOSTNAME and pop/HOSTNAME; what has a key is "
	  "offered GSSAPI." },
	{ "kerberos", "realm", CONFIG_TEXT, NULL, AT(kerberos.realm),
	  "The realm of these keys, and of those who may log in." },
	{ "kerberos", "domain", CONFIG_TEXT, NULL, AT(kerberos.domain),
	  "The domain of the accounts: user@REALM logs in as user@DOMAIN. Default: the realm in lower "
	  "case." },

	{ "oauth", "jwks", CONFIG_TEXT, NULL, AT(oauth.keys),
	  "The keys by which tokens are signed: the https:// URL of a JWKS, or a file. Needs issuer and "
	  "audience." },
	{ "oauth", "introspection", CONFIG_TEXT, NULL, AT(oauth.introspection),
	  "Instead of jwks: the https:// URL where each token is asked about (RFC 7662)." },
	{ "oauth", "client-id", CONFIG_TEXT, NULL, AT(oauth.client_id),
	  "The name by which we ask there." },
	{ "oauth", "client-secret-file", CONFIG_PATH, NULL, AT(oauth.client_secret),
	  "A file whose first line is the password for that." },
	{ "oauth", "issuer", CONFIG_TEXT, NULL, AT(oauth.issuer),
	  "Who must have issued a token: its claim iss, to the letter." },
	{ "oauth", "audience", CONFIG_TEXT, NULL, AT(oauth.audience),
	  "For whom it must be: its claim aud has this. Otherwise tokens that any other service was "
	  "shown would do here." },
	{ "oauth", "scope", CONFIG_TEXT, NULL, AT(oauth.scope),
	  "What it must allow: words that must all be in its claim scope (or scp). Default: anything." },
	{ "oauth", "account-claim", CONFIG_TEXT, "email", AT(oauth.account_claim),
	  "The claim that names the account. An e-mail address that is said not to be verified is not "
	  "taken." },
	{ "oauth", "ca", CONFIG_PATH, NULL, AT(oauth.ca),
	  "A PEM file of CAs that are believed for these URLs. Default: the system's." },
	{ "oauth", "leeway", CONFIG_DURATION, "1m", AT(oauth.leeway_ms),
	  "How far their clock may be from ours.", .max = SECONDS(3600) },
	{ "oauth", "timeout", CONFIG_DURATION, "10s", AT(oauth.timeout_ms),
	  "How long an answer from these URLs is waited for.", .min = 100, .max = SECONDS(120) },
	{ "oauth", "refresh", CONFIG_DURATION, "1m", AT(oauth.refresh_ms),
	  "The least time after which the JWKS is read again because a token names a key that is not in "
	  "it; it is read again each hour anyway.", .min = 100, .max = DAYS(1) },
};
/* clang-format on */
const struct config_option_table config_options_login = CONFIG_OPTION_TABLE(options);
