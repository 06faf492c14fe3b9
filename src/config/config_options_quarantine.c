/* The options of the quarantine. */
#include "config/config_options_table.h"

/* clang-format off */
static const struct config_option options[] = {
	{ "quarantine", "keep", CONFIG_DURATION, "30d", AT(quarantine.keep_ms),
	  "How long a message is held; then it is dropped.", .min = SECONDS(1), .max = DAYS(400) },
	{ "quarantine", "max-messages", CONFIG_NUMBER, "1000", AT(quarantine.max_messages),
	  "That may be held for one recipient.", .min = 1, .max = 100000 },
	{ "quarantine", "max-bytes", CONFIG_SIZE, "200M", AT(quarantine.max_bytes),
	  "That those may have in all. One message alone is held whatever its size.",
	  .min = 1024, .max = 1ull << 40 },
	{ "quarantine", "when-full", CONFIG_CHOICE, "drop-oldest", AT(quarantine.full),
	  "What happens to one that is too many: the oldest of that recipient go, or the sender is asked to "
	  "try again (452 4.2.2).", .choices = { "drop-oldest", "defer" } },
	{ "quarantine", "digest-interval", CONFIG_DURATION, "1d", AT(quarantine.digest_ms),
	  "Users are told by mail what is held for them, so often, if something is new; 0: never.",
	  .max = DAYS(31) },
	{ "quarantine", "digest-hour", CONFIG_NUMBER, "6", AT(quarantine.digest_hour),
	  "At what hour of the day, here, the first of these is; the others follow by the interval.",
	  .max = 23 },
	{ "quarantine", "public-url", CONFIG_TEXT, NULL, AT(quarantine.public_url),
	  "What the links in them begin with, as users' browsers reach a listener of the kind https (or "
	  "http, behind a proxy): \"https://mail.example.org:8443\". Default: there are no links." },
	{ "quarantine", "user-release", CONFIG_CHOICE, "not-filtered", AT(quarantine.user_release),
	  "What users may have delivered, or throw away, by these links: all but what filters have found "
	  "(not-filtered), as that may be malware; all; or none.",
	  .choices = { "not-filtered", "all", "none" } },
	{ "quarantine", "link-lifetime", CONFIG_DURATION, "14d", AT(quarantine.link_lifetime_ms),
	  "How long a link is good.", .min = SECONDS(60), .max = DAYS(400) },
	{ "quarantine", "max-requests", CONFIG_NUMBER, "60", AT(quarantine.max_requests),
	  "Pages that a network may ask for in a minute; then 429.", .min = 1, .max = 1000000 },
};
/* clang-format on */
const struct config_option_table config_options_quarantine = CONFIG_OPTION_TABLE(options);
