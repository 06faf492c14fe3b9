/* The options of mailboxes, and reading them. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "local", "domain", CONFIG_TEXT, NULL, AT(local.domain),
	  "What is put behind names without a domain that programs of this host (listen local) write. "
	  "Default: the first of our domains." },
	{ "local", "aliases", CONFIG_PATH, "/etc/aliases", AT(local.aliases),
	  "The file that newaliases reads." },
	{ "local", "default-quota", CONFIG_SIZE, "0", AT(local.default_quota_bytes),
	  "What an account may hold unless told otherwise; 0 is no limit." },
	{ "local", "compress", CONFIG_FLAG, "yes", AT(local.compress),
	  "Compress messages where they lie, by zstd, if that makes them smaller.", .at_start = true },
	{ "local", "compress-after", CONFIG_DURATION, "1d", AT(local.compress_after_ms),
	  "How long messages stay as they came: those are read the most, and need no unpacking then.",
	  .min = 0, .max = DAYS(3650), .at_start = true },
	{ "local", "keep-expunged", CONFIG_DURATION, "7d", AT(local.keep_expunged_ms),
	  "How long messages that were expunged and mailboxes that were deleted can be brought back by "
	  "veredus undelete. They count for no quota.", .min = 0, .max = DAYS(3650) },
	{ "local", "keep-expunged-max", CONFIG_SIZE, "4G", AT(local.keep_expunged_bytes),
	  "The most of that that is kept of an account, and of all public mailboxes together: of more the "
	  "oldest goes. 0 is no limit." },
	{ "local", "plus-separator", CONFIG_LETTER, "+", AT(local.plus_separator),
	  "alice+anything@ goes to alice@; \"\" turns it off." },
	{ "local", "max-alias-depth", CONFIG_NUMBER, "10", AT(local.max_alias_depth),
	  "Aliases that lead to aliases.", .min = 1, .max = 100 },
	{ "local", "max-alias-targets", CONFIG_NUMBER, "1000", AT(local.max_alias_targets),
	  "Addresses that one alias leads to, all levels together.", .min = 1, .max = 100000 },

	{ "quota", "default-messages", CONFIG_NUMBER, "0", AT(quota.default_messages),
	  "How many messages an account may hold unless told otherwise; 0 is no limit.", .min = 0,
	  .max = UINT32_MAX },
	{ "quota", "default-mailboxes", CONFIG_NUMBER, "0", AT(quota.default_mailboxes),
	  "How many folders it may have; 0 is no limit but that of all accounts.", .min = 0,
	  .max = 10000 },
	{ "quota", "full", CONFIG_CHOICE, "later", AT(quota.full),
	  "What senders are told when an account is full: to try again later (452 4.2.2), which "
	  "they do for days, or that it is refused (552 5.2.2).",
	  .choices = { "later", "refuse" } },
	{ "quota", "warn-at", CONFIG_NUMBER, "80", AT(quota.warn_percent),
	  "The log tells when an account comes past so much percent of a limit, and when it is "
	  "below again; 0 is never.", .min = 0, .max = 100 },
	{ "quota", "warn-again-at", CONFIG_NUMBER, "95", AT(quota.warn_again_percent),
	  "The same once more; 0 is never.", .min = 0, .max = 100 },
	{ "quota", "warn-mail", CONFIG_FLAG, "yes", AT(quota.warn_mail),
	  "Tell the account, too, by a letter into its INBOX when it comes past such a mark, if there "
	  "is room for it." },
	{ "quota", "check-every", CONFIG_DURATION, "1m", AT(quota.check_ms),
	  "How often accounts are looked through for that.", .min = SECONDS(1), .max = DAYS(1) },

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
	{ "imap", "compress", CONFIG_FLAG, "yes", AT(imap.compress),
	  "Offer COMPRESS=DEFLATE; a session that uses it costs some 72 KiB more." },
	{ "imap", "contexts", CONFIG_NUMBER, "4", AT(imap.contexts),
	  "Results of SEARCH and SORT that a session may have kept up to date (CONTEXT); each may cost "
	  "up to 600 KiB.", .min = 1, .max = 1000 },
	{ "imap", "big-literals", CONFIG_FLAG, "yes", AT(imap.big_literals),
	  "Offer LITERAL+, by which a client may send even a large message without asking first; if "
	  "no, LITERAL-: up to 4 KiB." },
	{ "imap", "catenate-parts", CONFIG_NUMBER, "1000", AT(imap.catenate_parts),
	  "Texts and URLs that an APPEND may join to one message (CATENATE).", .min = 2,
	  .max = 100000 },
	{ "imap", "max-urls", CONFIG_NUMBER, "100", AT(imap.max_urls),
	  "URLs of one GENURLAUTH or URLFETCH.", .min = 1, .max = 10000 },
	{ "imap", "url-submitters", CONFIG_TEXT, NULL, AT(imap.url_submitters),
	  "Accounts, with spaces between, by which submission servers on other hosts log in here to "
	  "fetch what users have authorized for submission (URLAUTH=submit+). Our own needs none." },
	{ "imap", "url-hosts", CONFIG_TEXT, NULL, AT(imap.url_hosts),
	  "Names by which this server is called in IMAP URLs besides hostname, with spaces between: "
	  "those that clients are given to connect to. URLs of other servers are not followed." },
	{ "imap", "gmail-extensions", CONFIG_FLAG, "no", AT(imap.gmail_extensions),
	  "Announce X-GM-EXT-1. X-GM-MSGID, X-GM-THRID and X-GM-LABELS are answered in any case; "
	  "clients that see the announcement take the server for Gmail, and may use what only that "
	  "has (X-GM-RAW, labels that are folders)." },
	{ "imap", "message-limit", CONFIG_NUMBER, "0", AT(imap.message_limit),
	  "Messages that one FETCH, STORE, SEARCH, MOVE, COPY, UID EXPUNGE or APPEND may be about "
	  "(MESSAGELIMIT); RFC 9738 wants 1000 at least. Clients that do not know it see only the "
	  "latest messages of large mailboxes. 0 is no limit.", .min = 0, .max = 100000000 },
	{ "imap", "save-limit", CONFIG_NUMBER, "0", AT(imap.save_limit),
	  "The same for COPY and APPEND alone (SAVELIMIT), where there is no message-limit.",
	  .min = 0, .max = 100000000 },
	{ "imap", "progress", CONFIG_DURATION, "10s", AT(imap.progress_ms),
	  "How often a client is told how far a long search is.", .min = 0, .max = DAYS(1) },
	{ "imap", "index", CONFIG_FLAG, "yes", AT(imap.index),
	  "Keep an index of the words of all mail, so that SEARCH need not open every message, and "
	  "pack what SORT and THREAD go by.",
	  .at_start = true },
	{ "imap", "index-max-message", CONFIG_SIZE, "4M", AT(imap.index_max_message_bytes),
	  "Messages that are larger are not taken into the index; a search opens each of them.",
	  .min = 0, .max = 64 << 20, .at_start = true },
	{ "imap", "index-share", CONFIG_NUMBER, "30", AT(imap.index_share),
	  "How much of one processor core, in percent, the making of the index may use.", .min = 1,
	  .max = 100, .at_start = true },
	{ "imap", "index-delay", CONFIG_DURATION, "30s", AT(imap.index_delay_ms),
	  "How long new mail waits for the index, so that it is taken in many messages at a time.",
	  .min = 0, .max = DAYS(1), .at_start = true },
	{ "imap", "sort-cache", CONFIG_SIZE, "4M", AT(imap.sort_cache_bytes),
	  "Memory for what SORT by texts and THREAD found, for all mailboxes together: asked again, "
	  "they read no rows. A mailbox takes 4 to 12 bytes a message for each way of sorting, and a "
	  "quarter of this at most. 0 keeps nothing.", .min = 0, .max = 1 << 30, .at_start = true },
	{ "imap", "auth-without-tls", CONFIG_FLAG, "no", AT(imap.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },

	{ "pop3", "idle", CONFIG_DURATION, "10m", AT(pop3.idle_ms),
	  "How long a client may be silent; RFC 1939 wants 10 minutes at least.",
	  .min = SECONDS(1), .max = DAYS(7) },
	{ "pop3", "max-errors", CONFIG_NUMBER, "50", AT(pop3.max_errors),
	  "Refused commands after which a session is ended.", .min = 1, .max = 10000 },
	{ "pop3", "max-login-failures", CONFIG_NUMBER, "3", AT(pop3.max_login_failures),
	  "Refused logins after which a session is ended.", .min = 1, .max = 1000 },
	{ "pop3", "expire", CONFIG_DAYS, "never", AT(pop3.expire_days),
	  "How long mail in INBOX stays when clients that fetch it by POP3 leave it on the server "
	  "(EXPIRE, RFC 2449): what was read and has been there longer is removed when a session of "
	  "the account ends, and once a day if it has used POP3. 0: all that the session has fetched." },
	{ "pop3", "login-delay", CONFIG_DURATION, "0", AT(pop3.login_delay_ms),
	  "How long an account waits between two logins by POP3 (LOGIN-DELAY, RFC 2449); 0 is not at "
	  "all.", .min = 0, .max = DAYS(1) },
	{ "pop3", "auth-without-tls", CONFIG_FLAG, "no", AT(pop3.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },

	{ "managesieve", "idle", CONFIG_DURATION, "30m", AT(managesieve.idle_ms),
	  "How long a client may be silent; RFC 5804 wants 30 minutes at least.",
	  .min = SECONDS(1), .max = DAYS(7) },
	{ "managesieve", "max-errors", CONFIG_NUMBER, "50", AT(managesieve.max_errors),
	  "Refused commands after which a session is ended.", .min = 1, .max = 10000 },
	{ "managesieve", "max-login-failures", CONFIG_NUMBER, "3", AT(managesieve.max_login_failures),
	  "Refused logins after which a session is ended.", .min = 1, .max = 1000 },
	{ "managesieve", "auth-without-tls", CONFIG_FLAG, "no", AT(managesieve.auth_without_tls),
	  "Let clients log in over a connection that is not encrypted." },
};
/* clang-format on */
const struct config_option_table config_options_mailbox = CONFIG_OPTION_TABLE(options);
