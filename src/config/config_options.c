#include "config/config_options.h"

#include "config/config.h"
#include "config/config_rules.h"

const struct config_section config_sections[] = {
	{ "listen", true, "its name, and its protocol unless that is said otherwise",
	  "Addresses to accept connections on. May stand several times." },
	{ "certificate", true, "any name",
	  "A TLS certificate. The first is the default; others are chosen by the name that the "
	  "client asks for." },
	{ "smarthost", true, "a domain, or \"*\" for all that are not local",
	  "Where mail goes instead of to the MX of its domain." },
	{ "transport", true, "a domain, or \"*\" for all that are not local",
	  "Another program that takes the mail of a domain, by LMTP; instead of a smarthost." },
	{ "rule", true, "what the log and `veredus policy test` call it",
	  "Who may send mail to whom (docs/guard.md). Rules are walked in the order of the file; "
	  "the "
	  "first that holds with allow, reject or defer decides. What a rule does not ask for "
	  "holds "
	  "always; of a list one item must hold, and none that begins with \"!\"." },
	{ "passdb", true, "any name",
	  "Who is asked whether a password is right: in the order of the file, until one says so. "
	  "Without such a section it is the internal directory alone; with one it has to be "
	  "named, too." },
	{ "smtp", false, NULL, "Receiving mail." },
	{ "message", false, NULL,
	  "How far a message is taken apart. None is refused for being beyond: the rest is kept, "
	  "but not looked into." },
	{ "imap", false, NULL, "Reading mail over IMAP." },
	{ "pop3", false, NULL, "Reading mail over POP3." },
	{ "auth", false, NULL, "Logging in, over any protocol." },
	{ "kerberos", false, NULL, "Logging in with a Kerberos ticket (GSSAPI)." },
	{ "oauth", false, NULL,
	  "Logging in with a token that another server has issued (OAUTHBEARER, XOAUTH2)." },
	{ "guard", false, NULL, "Clients that misbehave: slowed, then shut out (docs/guard.md)." },
	{ "dns", false, NULL, "Asking the DNS." },
	{ "queue", false, NULL, "Mail for other hosts." },
	{ "local", false, NULL, "Mailboxes and addresses of our own." },
	{ "log", false, NULL, "What is written to standard error." },
};
const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

#define WHERE(type, member)  offsetof(type, member), sizeof(((type *)0)->member)
#define AT(member)           WHERE(struct config, member)
#define AT_LISTEN(member)    WHERE(struct config_listen, member)
#define AT_CERT(member)      WHERE(struct config_certificate, member)
#define AT_RULE(member)      WHERE(struct config_rule_text, member)
#define AT_SMARTHOST(member) WHERE(struct config_smarthost, member)
#define AT_TRANSPORT(member) WHERE(struct config_transport, member)
#define AT_PASSDB(member)    WHERE(struct config_passdb, member)
#define SECONDS(n)           ((n)*1000ull)
#define DAYS(n)              ((n)*86400000ull)

/* clang-format off */
const struct config_option config_options[] = {
	{ "", "hostname", CONFIG_TEXT, NULL, AT(hostname),
	  "What this host calls itself in greetings and trace fields. Default: the system's name." },
	{ "", "workers", CONFIG_NUMBER, "0", AT(workers),
	  "Threads that serve connections; 0 is one a processor.", .max = 256 },
	{ "", "user", CONFIG_TEXT, NULL, AT(user),
	  "The user to become when started as root, after the ports are bound." },
	{ "", "relay-certificates", CONFIG_LIST, NULL, 0, 0,
	  "Fingerprints (SHA-256) of TLS certificates whose owners may do so, too; clients are asked for "
	  "theirs then." },
	{ "", "relay-networks", CONFIG_LIST, NULL, 0, 0,
	  "Networks such as \"10.0.0.0/8\" that may send anywhere without logging in." },

	{ "listen", "protocol", CONFIG_CHOICE, NULL, AT_LISTEN(kind),
	  "What is spoken. Default: the section's title.",
	  .choices = { "smtp", "submission", "submissions", "lmtp", "local", "odmr", "pop3", "pop3s",
	               "imap", "imaps" } },
	{ "listen", "address", CONFIG_LIST, NULL, AT_LISTEN(addresses),
	  "Where: { \"*:25\", \"192.0.2.1:25\", \"[2001:db8::1]:25\" }; \"*\" is every address, "
	  "IPv4 and IPv6; \"unix:PATH\" is a socket in the file system." },
	{ "listen", "socket-mode", CONFIG_TEXT, "0660", AT_LISTEN(socket_mode),
	  "The permissions of Unix sockets, in octal: who may write to one may connect." },
	{ "listen", "socket-owner", CONFIG_TEXT, NULL, AT_LISTEN(socket_owner),
	  "Their owner: \"postfix\", \"postfix:mail\", \":mail\". Default: the option user." },
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
	  "protocol, version 1 or 2, that says who the client is; without it they are refused." },
	{ "listen", "proxy-timeout", CONFIG_DURATION, "10s", AT_LISTEN(proxy_timeout_ms),
	  "How long that header is waited for.", .min = 10, .max = SECONDS(300) },
	{ "listen", "xclient-networks", CONFIG_LIST, NULL, AT_LISTEN(xclient_networks),
	  "Networks of mail proxies and filters that may say by XCLIENT whom they speak for, login "
	  "included, and by XFORWARD where a message came from." },

	{ "certificate", "chain", CONFIG_PATH, NULL, AT_CERT(chain_path),
	  "A PEM file with the certificate and those between it and the root, in this order." },
	{ "certificate", "key", CONFIG_PATH, NULL, AT_CERT(key_path),
	  "A PEM file with the private key." },

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

	{ "transport", "lmtp", CONFIG_TEXT, NULL, AT_TRANSPORT(lmtp),
	  "Where the program listens: \"unix:PATH\", or \"HOST:PORT\" (without :PORT it is 24)." },
	{ "transport", "tls", CONFIG_CHOICE, "opportunistic", AT_TRANSPORT(tls),
	  "As in a smarthost; over a Unix socket there is none.",
	  .choices = { "none", "opportunistic", "required", "verified", "implicit" } },
	{ "transport", "accept-from", CONFIG_CHOICE, "trusted", AT_TRANSPORT(accept_from),
	  "Whose mail for the domain is taken: trusted is who has logged in and relay-networks; "
	  "everybody makes the domain one that the world may write to.",
	  .choices = { "trusted", "everybody" } },

	{ "rule", "client", CONFIG_LIST, NULL, AT_RULE(client),
	  "Networks of the client: { \"192.0.2.0/24\", \"!192.0.2.7\" }." },
	{ "rule", "listener", CONFIG_LIST, NULL, AT_RULE(listener),
	  "Names of listen sections, as patterns. Default: all that take mail; of those for POP3 and "
	  "IMAP a rule of stage connect holds that names them." },
	{ "rule", "helo", CONFIG_LIST, NULL, AT_RULE(helo),
	  "Patterns of the name that the client gives: { \"*.dyn.example\", \"[*]\" }." },
	{ "rule", "rdns", CONFIG_LIST, NULL, AT_RULE(rdns),
	  "Reverse DNS of the client: none, unconfirmed (the name does not lead back), confirmed, "
	  "unknown (no answer now), or patterns of the confirmed name." },
	{ "rule", "tls", CONFIG_CHOICE, NULL, AT_RULE(tls), "Is the connection encrypted?",
	  .choices = { "no", "yes" } },
	{ "rule", "authenticated", CONFIG_CHOICE, NULL, AT_RULE(authenticated),
	  "Has the client logged in?", .choices = { "no", "yes" } },
	{ "rule", "account", CONFIG_LIST, NULL, AT_RULE(account),
	  "Patterns of the account that has logged in." },
	{ "rule", "sender", CONFIG_LIST, NULL, AT_RULE(sender),
	  "Patterns of the sender: { \"<>\", \"*@*.example.net\", \"example.org\" }." },
	{ "rule", "sender-is", CONFIG_LIST, NULL, AT_RULE(sender_is),
	  "What the sender is: null (<>), ours (in a domain of ours), unresolvable (no mail can go to "
	  "the domain), unresolved (the DNS does not say now)." },
	{ "rule", "recipient", CONFIG_LIST, NULL, AT_RULE(recipient), "Patterns of the recipient." },
	{ "rule", "rate", CONFIG_TEXT, NULL, AT_RULE(rate),
	  "Holds for what is more than so much: \"60 messages/1m per network\". Of connections, "
	  "messages or recipients; per network, account or sender; \"burst 200\" may follow." },
	{ "rule", "stage", CONFIG_CHOICE, NULL, AT_RULE(stage),
	  "When the rule is looked at first. Default: as soon as all that it asks for is known.",
	  .choices = { "connect", "helo", "mail", "rcpt" } },
	{ "rule", "verdict", CONFIG_CHOICE, NULL, AT_RULE(verdict),
	  "What happens. delay and tag go on to the next rule. Default, with a rate: defer.",
	  .choices = { "allow", "reject", "defer", "delay", "tag" } },
	{ "rule", "reply", CONFIG_TEXT, NULL, AT_RULE(reply),
	  "What is said with reject (5xx) and defer (4xx): \"550 5.7.1 Not from here\"." },
	{ "rule", "delay", CONFIG_DURATION, NULL, AT_RULE(delay_ms),
	  "How long the answer waits, with delay.", .min = 1, .max = SECONDS(120) },
	{ "rule", "tag", CONFIG_TEXT, NULL, AT_RULE(tag),
	  "With tag: the word that the message gets, in a field X-Veredus-Tag." },
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

	{ "smtp", "max-message", CONFIG_SIZE, "50M", AT(smtp.max_message_bytes),
	  "The largest message that is taken; announced by SIZE.", .min = 64 << 10,
	  .max = 1ull << 31 },
	{ "smtp", "max-recipients", CONFIG_NUMBER, "1000", AT(smtp.max_recipients),
	  "Recipients of one message; RFC 5321 wants 100 at least.", .min = 100, .max = 100000 },
	{ "smtp", "max-errors", CONFIG_NUMBER, "20", AT(smtp.max_errors),
	  "Refused commands after which a session is ended.", .min = 1, .max = 10000 },
	{ "smtp", "max-login-failures", CONFIG_NUMBER, "3", AT(smtp.max_login_failures),
	  "Refused logins after which a session is ended.", .min = 1, .max = 1000 },
	{ "smtp", "max-transactions", CONFIG_NUMBER, "1000", AT(smtp.max_transactions),
	  "Messages in one session; 0 is no limit.", .max = 100000000 },
	{ "smtp", "max-command", CONFIG_SIZE, "2K", AT(smtp.max_command_bytes),
	  "Length of a command line; RFC 5321 and its extensions need 1024.", .min = 1024,
	  .max = 32 << 10 },
	{ "smtp", "max-received", CONFIG_NUMBER, "50", AT(smtp.max_received),
	  "Received fields from which a message is taken to go in a loop.", .min = 10,
	  .max = 1000 },
	{ "smtp", "memory", CONFIG_SIZE, "256K", AT(smtp.memory_bytes),
	  "How much of a message is kept in memory while it comes in; the rest goes to a file.",
	  .min = 16 << 10, .max = 1 << 30 },
	{ "smtp", "bare-newline", CONFIG_CHOICE, "refuse", AT(smtp.bare_newline),
	  "Messages with lines that end in LF or CR alone, as in SMTP smuggling: refuse or "
	  "normalise.",
	  .choices = { "refuse", "normalise" } },
	{ "smtp", "bad-helo", CONFIG_CHOICE, "refuse", AT(smtp.bad_helo),
	  "Clients whose HELO or EHLO names no domain or address literal: refuse (501) or tolerate.",
	  .choices = { "refuse", "tolerate" } },
	{ "smtp", "command-timeout", CONFIG_DURATION, "5m", AT(smtp.command_timeout_ms),
	  "How long a client may be silent between commands.", .min = SECONDS(1), .max = DAYS(1) },
	{ "smtp", "data-timeout", CONFIG_DURATION, "3m", AT(smtp.data_timeout_ms),
	  "How long a client may pause within a message.", .min = SECONDS(1), .max = DAYS(1) },
	{ "smtp", "min-data-rate", CONFIG_NUMBER, "100", AT(smtp.min_data_rate),
	  "Bytes a second that a message must come in with, twice data-timeout granted; it ends "
	  "sessions that drip.",
	  .min = 1, .max = 1000000 },
	{ "smtp", "auth-without-tls", CONFIG_FLAG, "no", AT(smtp.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },
	{ "smtp", "min-deliver-by", CONFIG_DURATION, "0", AT(smtp.min_deliver_by_ms),
	  "The shortest time in which a sender may want a message delivered or else returned "
	  "(DELIVERBY); announced, in whole seconds, if it is not 0.", .max = DAYS(1) },
	{ "smtp", "max-hold", CONFIG_DURATION, "30d", AT(smtp.max_hold_ms),
	  "How long those who submit mail may have it held before it goes out (FUTURERELEASE); 0 turns "
	  "it off.", .max = DAYS(365) },
	{ "smtp", "priority", CONFIG_CHOICE, "trusted", AT(smtp.priority),
	  "Whose mail goes before others' when MT-PRIORITY says so: nobody's, that of those who may "
	  "relay, or everybody's. Anybody may have their own mail wait.",
	  .choices = { "nobody", "trusted", "everybody" } },
	{ "smtp", "no-soliciting", CONFIG_TEXT, NULL, AT(smtp.no_soliciting),
	  "Kinds of solicitation that are refused (RFC 3865), as \"net.example:ADV,org.example:ADLT\"; "
	  "\"*\" is every kind." },
	{ "smtp", "etrn", CONFIG_CHOICE, "trusted", AT(smtp.etrn),
	  "Who may have what waits for a domain sent at once: nobody (502), trusted or everybody.",
	  .choices = { "nobody", "trusted", "everybody" } },
	{ "smtp", "fix-submissions", CONFIG_FLAG, "yes", AT(smtp.fix_submissions),
	  "Complete and mend what comes in on submission listeners: Date, Message-ID, Sender, Bcc, "
	  "8-bit headers, long lines (RFC 6409 section 8)." },
	{ "smtp", "terminals", CONFIG_CHOICE, "nobody", AT(smtp.terminals),
	  "Who may have messages shown on the terminals of users who are logged in here, by SEND, SOML "
	  "and SAML (RFC 821): nobody (502), trusted or everybody. The server must be in the group "
	  "that may write to terminals (tty).",
	  .choices = { "nobody", "trusted", "everybody" } },
	{ "smtp", "utmp", CONFIG_PATH, NULL, AT(smtp.utmp),
	  "The file that says who is logged in at which terminal. Default: the system's." },
	{ "smtp", "sendmail-commands", CONFIG_CHOICE, "nobody", AT(smtp.sendmail_commands),
	  "Who may use VERB, ONEX and XUSR: nobody (502), trusted or everybody.",
	  .choices = { "nobody", "trusted", "everybody" } },
	{ "smtp", "turn", CONFIG_FLAG, "no", AT(smtp.turn),
	  "Answer TURN (RFC 821): the connection turns round for who has logged in, or shows a "
	  "certificate, and may fetch mail. Listeners of the kind odmr have ATRN for that." },
	{ "smtp", "check-from", CONFIG_FLAG, "no", AT(smtp.check_from),
	  "Refuse messages of users with a From that is not theirs; MAIL is always checked." },
	{ "smtp", "vrfy", CONFIG_CHOICE, "nobody", AT(smtp.vrfy),
	  "Whom VRFY tells about users and aliases: nobody, trusted (who has logged in, or comes "
	  "from relay-networks) or everybody. All others get 252.",
	  .choices = { "nobody", "trusted", "everybody" } },
	{ "smtp", "expn", CONFIG_CHOICE, "nobody", AT(smtp.expn),
	  "Whom EXPN tells the members of an alias: nobody (502), trusted or everybody.",
	  .choices = { "nobody", "trusted", "everybody" } },

	{ "message", "max-header", CONFIG_SIZE, "512K", AT(message.header_bytes),
	  "Of a header, how much is read; later fields don't count.", .min = 4096, .max = 64 << 20 },
	{ "message", "max-field", CONFIG_SIZE, "64K", AT(message.value_bytes),
	  "Of one field, how much is taken apart.", .min = 1024, .max = 16 << 20 },
	{ "message", "max-depth", CONFIG_NUMBER, "32", AT(message.depth),
	  "Parts within parts; deeper ones are one opaque part.", .min = 1,
	  .max = MESSAGE_DEPTH_MAX },
	{ "message", "max-parts", CONFIG_NUMBER, "1000", AT(message.parts),
	  "Parts of a message; the rest belongs to the part around them.", .min = 1,
	  .max = 100000 },
	{ "message", "max-addresses", CONFIG_NUMBER, "4000", AT(message.addresses),
	  "Addresses that IMAP's ENVELOPE tells.", .min = 10, .max = 1000000 },
	{ "message", "max-parameters", CONFIG_NUMBER, "64", AT(message.parameters),
	  "Parameters of a Content-Type or Content-Disposition.", .min = 4, .max = 10000 },
	{ "message", "max-summary", CONFIG_SIZE, "512K", AT(message.summary_bytes),
	  "Of ENVELOPE and of BODYSTRUCTURE each; a larger one is told without its parts.",
	  .min = 4096, .max = 16 << 20 },

	{ "imap", "idle", CONFIG_DURATION, "30m", AT(imap.idle_ms),
	  "How long a client may be silent; RFC 9051 wants 30 minutes at least.",
	  .min = SECONDS(1), .max = DAYS(7) },
	{ "imap", "max-command", CONFIG_SIZE, "64K", AT(imap.max_command_bytes),
	  "Length of a command without its literals.", .min = 8000, .max = 1 << 20 },
	{ "imap", "max-literal", CONFIG_SIZE, "64K", AT(imap.max_literal_bytes),
	  "Length of a literal that is not a message.", .min = 1024, .max = 16 << 20 },
	{ "imap", "max-errors", CONFIG_NUMBER, "20", AT(imap.max_errors),
	  "Commands answered BAD, one after another, after which a session is ended.", .min = 1,
	  .max = 10000 },
	{ "imap", "max-login-failures", CONFIG_NUMBER, "3", AT(imap.max_login_failures),
	  "Refused logins after which a session is ended.", .min = 1, .max = 1000 },
	{ "imap", "auth-without-tls", CONFIG_FLAG, "no", AT(imap.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },

	{ "pop3", "idle", CONFIG_DURATION, "10m", AT(pop3.idle_ms),
	  "How long a client may be silent; RFC 1939 wants 10 minutes at least.",
	  .min = SECONDS(1), .max = DAYS(7) },
	{ "pop3", "max-errors", CONFIG_NUMBER, "50", AT(pop3.max_errors),
	  "Refused commands after which a session is ended.", .min = 1, .max = 10000 },
	{ "pop3", "max-login-failures", CONFIG_NUMBER, "3", AT(pop3.max_login_failures),
	  "Refused logins after which a session is ended.", .min = 1, .max = 1000 },
	{ "pop3", "auth-without-tls", CONFIG_FLAG, "no", AT(pop3.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },

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
	  "certificate` has listed it. None is demanded." },
	{ "auth", "client-ca", CONFIG_PATH, NULL, AT(auth.client_ca),
	  "Ask clients for a TLS certificate, and believe the e-mail addresses in those that a CA of "
	  "this file has signed: with such a one the account of that address can log in." },

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

	{ "guard", "exempt-networks", CONFIG_LIST, NULL, 0, 0,
	  "Networks whose clients are never slowed, counted or shut out, and not looked up." },
	{ "guard", "exempt-loopback", CONFIG_FLAG, "yes", AT(guard.exempt_loopback),
	  "The same for this host." },
	{ "guard", "exempt-relay-networks", CONFIG_FLAG, "yes", AT(guard.exempt_relay_networks),
	  "The same for relay-networks." },
	{ "guard", "rdns", CONFIG_FLAG, "yes", AT(guard.rdns),
	  "Look up the name of who connects, and whether it leads back, for rules and trace." },
	{ "guard", "rdns-timeout", CONFIG_DURATION, "5s", AT(guard.rdns_timeout_ms),
	  "How long that may take; who needs it waits, the greeting does not.", .min = 10,
	  .max = SECONDS(60) },
	{ "guard", "greeting-wait", CONFIG_DURATION, "500ms", AT(guard.greeting_wait_ms),
	  "How long strangers on smtp listeners wait for the greeting, to see who speaks first; 0 "
	  "greets at once.", .max = SECONDS(30) },
	{ "guard", "early-talkers", CONFIG_CHOICE, "reject", AT(guard.early_talkers),
	  "Those who do: allow, count towards a ban, or reject (554).",
	  .choices = { "allow", "count", "reject" } },
	{ "guard", "bad-pipelining", CONFIG_CHOICE, "count", AT(guard.bad_pipelining),
	  "Commands sent behind one whose answer must be waited for (RFC 2920): allow, count or "
	  "reject (503).", .choices = { "allow", "count", "reject" } },
	{ "guard", "max-junk-commands", CONFIG_NUMBER, "100", AT(guard.max_junk_commands),
	  "Commands that bring no message nearer (NOOP, RSET, HELP, HELO again ...) before they "
	  "count, and cost time; 0 is no limit.", .max = 1000000 },
	{ "guard", "max-questions", CONFIG_NUMBER, "30", AT(guard.max_questions),
	  "VRFY and EXPN a minute from one network; 0 is no limit.", .max = 1000000 },
	{ "guard", "bans", CONFIG_FLAG, "yes", AT(guard.bans),
	  "Shut clients out by themselves; those of `veredus ban add` hold always." },
	{ "guard", "ban-score", CONFIG_NUMBER, "100", AT(guard.ban_score),
	  "How much must come together (docs/guard.md) for a network to be shut out.", .min = 1,
	  .max = 1000000 },
	{ "guard", "slow-score", CONFIG_NUMBER, "40", AT(guard.slow_score),
	  "From which score on each misstep costs its client time.", .min = 1, .max = 1000000 },
	{ "guard", "score-half-life", CONFIG_DURATION, "10m", AT(guard.score_half_life_ms),
	  "After which time half of a score is forgotten.", .min = 100, .max = DAYS(30) },
	{ "guard", "slow-max", CONFIG_DURATION, "10s", AT(guard.slow_max_ms),
	  "The most that one misstep costs.", .max = SECONDS(120) },
	{ "guard", "ban-time", CONFIG_DURATION, "1h", AT(guard.ban_ms),
	  "How long a first ban lasts; each that follows within a day of the last lasts twice as long.",
	  .min = 100, .max = DAYS(365) },
	{ "guard", "ban-time-max", CONFIG_DURATION, "1d", AT(guard.ban_max_ms),
	  "The longest that a ban becomes so.", .min = 100, .max = DAYS(365) },
	{ "guard", "network-ipv4", CONFIG_NUMBER, "32", AT(guard.network_bits_v4),
	  "Bits of an IPv4 address that rates and bans go by.", .min = 8, .max = 32 },
	{ "guard", "network-ipv6", CONFIG_NUMBER, "64", AT(guard.network_bits_v6),
	  "Bits of an IPv6 address that rates and bans go by.", .min = 16, .max = 128 },
	{ "guard", "max-tracked", CONFIG_NUMBER, "100000", AT(guard.max_tracked),
	  "Networks, and buckets of rates, that are remembered; beyond it the oldest goes.",
	  .min = 100, .max = 100000000 },
	{ "guard", "save-interval", CONFIG_DURATION, "30s", AT(guard.save_interval_ms),
	  "How often rates are saved; bans are at once.", .min = 100, .max = DAYS(1) },

	{ "dns", "forwarder", CONFIG_TEXT, NULL, AT(dns.forwarder),
	  "The resolver to ask, as \"127.0.0.1@53\"; \"\" asks the root servers and their like. "
	  "Default: those of /etc/resolv.conf." },
	{ "dns", "trust-anchor", CONFIG_PATH, NULL, AT(dns.trust_anchor),
	  "A file with the DS or DNSKEY records that DNSSEC starts from. Default: the "
	  "distribution's root key." },
	{ "dns", "timeout", CONFIG_DURATION, "10s", AT(dns.timeout_ms),
	  "How long one look-up may take, all tries included.", .min = 100, .max = SECONDS(120) },

	{ "queue", "retry-first", CONFIG_DURATION, "5m", AT(queue.retry_first_ms),
	  "The pause after the first attempt that failed for now; it doubles with each.",
	  .min = 10, .max = DAYS(1) },
	{ "queue", "retry-max", CONFIG_DURATION, "4h", AT(queue.retry_max_ms),
	  "The longest pause between attempts.", .min = 10, .max = DAYS(7) },
	{ "queue", "expire", CONFIG_DURATION, "5d", AT(queue.expire_ms),
	  "How long delivery is tried before the message goes back to its sender.",
	  .min = 10, .max = DAYS(60) },
	{ "queue", "max-connections", CONFIG_NUMBER, "100", AT(queue.max_connections),
	  "Connections to other hosts at a time.", .min = 1, .max = 100000 },
	{ "queue", "max-connections-per-destination", CONFIG_NUMBER, "10",
	  AT(queue.max_connections_per_destination),
	  "Connections to one destination at a time.", .min = 1, .max = 10000 },
	{ "queue", "max-recipients-per-transaction", CONFIG_NUMBER, "100",
	  AT(queue.max_recipients_per_transaction),
	  "Recipients that a message is sent to at once.", .min = 1, .max = 10000 },
	{ "queue", "connect-timeout", CONFIG_DURATION, "30s", AT(queue.connect_timeout_ms),
	  "How long one address is tried.", .min = 10, .max = SECONDS(300) },
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
	{ "queue", "tls", CONFIG_FLAG, "yes", AT(queue.tls),
	  "Encrypt by STARTTLS where the other host offers it." },

	{ "local", "domain", CONFIG_TEXT, NULL, AT(local.domain),
	  "What is put behind names without a domain that programs of this host (listen local) write. "
	  "Default: the first of our domains." },
	{ "local", "aliases", CONFIG_PATH, "/etc/aliases", AT(local.aliases),
	  "The file that newaliases reads." },
	{ "local", "default-quota", CONFIG_SIZE, "0", AT(local.default_quota_bytes),
	  "What an account may hold unless told otherwise; 0 is no limit." },
	{ "local", "plus-separator", CONFIG_LETTER, "+", AT(local.plus_separator),
	  "alice+anything@ goes to alice@; \"\" turns it off." },
	{ "local", "max-alias-depth", CONFIG_NUMBER, "10", AT(local.max_alias_depth),
	  "Aliases that lead to aliases.", .min = 1, .max = 100 },
	{ "local", "max-alias-targets", CONFIG_NUMBER, "1000", AT(local.max_alias_targets),
	  "Addresses that one alias leads to, all levels together.", .min = 1, .max = 100000 },

	{ "log", "level", CONFIG_CHOICE, "info", AT(log.level), "The least severe that is written.",
	  .choices = { "error", "warn", "info", "debug" } },
	{ "log", "json", CONFIG_FLAG, "no", AT(log.json), "Write lines of JSON." },
	{ "log", "keep-journeys", CONFIG_DURATION, "30d", AT(log.journey_ms),
	  "How long `veredus trace` knows a message; 0 is for ever." },
};
/* clang-format on */
const size_t config_option_count = sizeof(config_options) / sizeof(config_options[0]);

const struct config_option *config_option_find(struct slice section, struct slice name)
{
	for (size_t i = 0; i < config_option_count; i++) {
		const struct config_option *o = &config_options[i];
		if (slice_equal(section, slice_from_str(o->section)) &&
		    slice_equal(name, slice_from_str(o->name)))
			return o;
	}
	return NULL;
}
