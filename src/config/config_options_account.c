/* The options of limits on what accounts send. */
#include "config/config_options_table.h"

#define HOURS(n) ((n)*3600000ull)

/* clang-format off */
static const struct config_option options[] = {
	{ "account-limits", "enabled", CONFIG_FLAG, "yes", AT(account.enabled),
	  "Whether accounts are looked at that begin to send as programs do that stole a password." },
	{ "account-limits", "exempt-accounts", CONFIG_LIST, NULL, 0, 0,
	  "Patterns of accounts that may send as they like, as \"news@example.org\" or \"*@list.example\"." },
	{ "account-limits", "hour-recipients", CONFIG_NUMBER, "1000", AT(account.hour_recipients),
	  "Recipients in an hour, over all messages; 0: no limit.", .max = 100000000 },
	{ "account-limits", "day-recipients", CONFIG_NUMBER, "5000", AT(account.day_recipients),
	  "Recipients in a day; 0: no limit.", .max = 100000000 },
	{ "account-limits", "networks", CONFIG_NUMBER, "12", AT(account.networks),
	  "Networks that it sends from within networks-window: people have a home, an office and a "
	  "telephone, stolen passwords are used from everywhere; 0: no limit.", .max = 10000 },
	{ "account-limits", "networks-window", CONFIG_DURATION, "1h", AT(account.networks_ms),
	  "In what time networks are counted.", .min = SECONDS(60), .max = DAYS(1) },
	{ "account-limits", "network-ipv4", CONFIG_NUMBER, "16", AT(account.network_bits_v4),
	  "What is one network: so many bits of an IPv4 address. Telephones change theirs often, "
	  "within those of their company.", .min = 1, .max = 32 },
	{ "account-limits", "network-ipv6", CONFIG_NUMBER, "32", AT(account.network_bits_v6),
	  "The same of an IPv6 address.", .min = 1, .max = 128 },
	{ "account-limits", "country-database", CONFIG_PATH, NULL, AT(account.country_database),
	  "A file that tells which country an address is in, in MaxMind's format (GeoLite2-Country.mmdb "
	  "and others). It is read at the start and by a reload; without one countries are not looked at." },
	{ "account-limits", "countries", CONFIG_NUMBER, "2", AT(account.countries),
	  "Countries that it sends from within countries-window: nobody is in three within hours; 0: no "
	  "limit.", .max = 250 },
	{ "account-limits", "countries-window", CONFIG_DURATION, "6h", AT(account.countries_ms),
	  "In what time countries are counted.", .min = SECONDS(60), .max = DAYS(1) },
	{ "account-limits", "bounce-share", CONFIG_NUMBER, "30", AT(account.bounce_percent),
	  "Percent of its recipients of two days that turned out not to exist: who sends to people "
	  "knows them, lists of spammers are old; 0: no limit.", .max = 100 },
	{ "account-limits", "bounce-min", CONFIG_NUMBER, "30", AT(account.bounce_min),
	  "Fewer such bounces within a day say nothing.", .min = 1, .max = 1000000 },
	{ "account-limits", "delay", CONFIG_DURATION, "3s", AT(account.delay_ms),
	  "How long each MAIL of an account waits that is slowed.", .max = SECONDS(60) },
	{ "account-limits", "slow-recipients", CONFIG_NUMBER, "30", AT(account.slow_recipients),
	  "To how many recipients in an hour it may still send; the others hear 450 4.7.1.",
	  .max = 1000000 },
	{ "account-limits", "slow-for", CONFIG_DURATION, "1d", AT(account.slow_ms),
	  "How long it stays slowed, and longer while it is beyond a limit; 0: until it is released "
	  "by `veredus account release`.", .max = DAYS(365) },
	{ "account-limits", "hold-after", CONFIG_NUMBER, "0", AT(account.hold_after),
	  "When so many recipients were refused since it was slowed, as programs go on where people "
	  "stop, what it sends is taken and held in the queue until the operator has looked; 0: "
	  "never.", .max = 1000000 },
	{ "account-limits", "tell-postmaster", CONFIG_FLAG, "yes", AT(account.tell),
	  "Whether postmaster of its domain has a mail about it, once a day an account at most." },
};
/* clang-format on */
const struct config_option_table config_options_account = CONFIG_OPTION_TABLE(options);
