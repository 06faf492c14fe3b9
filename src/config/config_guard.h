/* Who may speak: the rules of the configuration, as they are walked (guard/guard_rule.h), and the
 * small languages in them.
 *
 *     rate    = number SP ("connections" / "messages" / "recipients") "/" time
 *               [ SP "per" SP ("network" / "account" / "sender") ] [ SP "burst" SP number ]
 *     reply   = code [ SP class "." digits "." digits ] SP text
 *     pattern = [ "!" ] text, in which "*" stands for any bytes and "?" for one */
#ifndef VEREDUS_CONFIG_CONFIG_GUARD_H
#define VEREDUS_CONFIG_CONFIG_GUARD_H

#include "base/arena.h"
#include "net/address.h"

/* When a rule is looked at first: as soon as all that its conditions ask for is known. */
enum rule_stage { RULE_CONNECT, RULE_HELO, RULE_MAIL, RULE_RCPT, RULE_MESSAGE, RULE_STAGES };
enum rule_verdict {
	RULE_ALLOW,
	RULE_REJECT,
	RULE_DEFER,
	RULE_DELAY,
	RULE_TAG,
	RULE_GREYLIST,
	RULE_QUARANTINE,
	RULE_VERDICTS
};

enum rate_of { RATE_CONNECTIONS, RATE_MESSAGES, RATE_RECIPIENTS };
enum rate_per { RATE_PER_NETWORK, RATE_PER_ACCOUNT, RATE_PER_SENDER };

/* A token bucket of `burst` tokens, which `count` refill in period_ms. */
struct config_rate {
	unsigned count; /* 0: there is no rate */
	unsigned burst;
	int64_t period_ms;
	enum rate_of of;
	enum rate_per per;
};

struct config_pattern {
	const char *shown; /* as it was written */
	struct slice text; /* what is matched, in lower case, without the "!" */
	bool negated;
};
/* One matches if none of the negated does and one of the others, if there are others. */
struct config_patterns {
	struct config_pattern *items;
	size_t count;
};
struct config_rule_network {
	const char *shown;
	struct net_network network;
	bool negated;
};
struct config_rule_networks {
	struct config_rule_network *items;
	size_t count;
};

/* Words of the condition sender-is; they may be negated as patterns are. */
#define RULE_SENDER_NULL         "null"         /* <> */
#define RULE_SENDER_OURS         "ours"         /* in a domain of ours */
#define RULE_SENDER_UNRESOLVABLE "unresolvable" /* no mail can go there, says the DNS */
#define RULE_SENDER_UNRESOLVED   "unresolved"   /* the DNS does not say now */
/* Words of the condition helo-is. */
#define RULE_HELO_OURS         "ours"         /* it calls itself as we are called */
#define RULE_HELO_BARE         "bare"         /* no name with a dot in it */
#define RULE_HELO_ELSEWHERE    "elsewhere"    /* a name, or an address, of another host */
#define RULE_HELO_UNRESOLVABLE "unresolvable" /* a name without an address */
/* Words of the condition rdns besides patterns, which match confirmed names. */
#define RULE_RDNS_NONE        "none"
#define RULE_RDNS_UNCONFIRMED "unconfirmed" /* the name does not lead back */
#define RULE_RDNS_CONFIRMED   "confirmed"
#define RULE_RDNS_UNKNOWN     "unknown" /* the DNS does not say now */

struct config_reply {
	int code;
	const char *enhanced; /* "5.7.1" */
	const char *text;
};

/* Conditions that are not given hold always. */
struct config_rule {
	const char *name;
	unsigned number; /* its place in the file, from 0 */
	enum rule_stage stage;
	struct config_rule_networks client;
	struct config_patterns listener, account, helo, helo_is, rdns, sender, sender_is, recipient,
		found, listed; /* names of lists, "zen" or "zen 127.0.0.2" */
	int score;             /* hundredths; 0: not given */
	const char *score_shown;
	int tls, authenticated;  /* -1: not given */
	struct config_rate rate; /* holds when there is no token left */
	enum rule_verdict verdict;
	struct config_reply reply; /* of reject and defer; code 0: the stage's own */
	int64_t delay_ms;
	const char *tag;
	unsigned tag_bit; /* each tag has one; at most RULE_TAGS_MAX */
};
enum { RULE_TAGS_MAX = 64 };

struct config_rules {
	struct config_rule *items;
	size_t count;
	const char *tags[RULE_TAGS_MAX];
	size_t tag_count;
	bool use_rdns; /* a rule asks for reverse DNS */
};

/* Pure; false if the text is none. Results lie in the arena. */
bool config_parse_rate(struct slice text, struct config_rate *out);
bool config_parse_reply(struct arena *arena, struct slice text, struct config_reply *out);
/* "*@example.org", "@example.org" and "example.org" mean the same; "<>" is the null sender. */
bool config_parse_address_pattern(struct arena *arena, const char *text,
                                  struct config_pattern *out);
bool config_parse_pattern(struct arena *arena, const char *text, struct config_pattern *out);

/* "connect", "allow" and the like, as they stand in the file. */
const char *rule_stage_name(enum rule_stage stage);
const char *rule_verdict_name(enum rule_verdict verdict);
const char *rate_of_name(enum rate_of of);
const char *rate_per_name(enum rate_per per);

/* What becomes of a client that does not wait for its turn. */
enum guard_misstep { GUARD_MISSTEP_ALLOW, GUARD_MISSTEP_COUNT, GUARD_MISSTEP_REJECT };

/* The section greylist: see guard/guard_grey.h. */
struct config_greylist {
	int64_t delay_ms;     /* until who comes again may pass */
	int64_t window_ms;    /* within which it must come */
	int64_t remember_ms;  /* since it came last */
	unsigned known_after; /* so many have come again: the network is known */
	unsigned bits_v4, bits_v6;
	unsigned max_entries; /* of those who wait, and of those who are known */
	bool skip_spf;        /* whom SPF proves passes */
};

/* The section guard: see guard/guard.h. */
struct config_guard {
	struct net_network *exempt_networks; /* neither slowed nor shut out ... */
	size_t exempt_network_count;
	bool exempt_loopback, exempt_relay_networks; /* ... and these */
	bool rdns;                                   /* look up who connects */
	int64_t rdns_timeout_ms;
	int64_t greeting_wait_ms; /* for who speaks before he was greeted; 0: don't */
	int early_talkers;        /* enum guard_misstep */
	int bad_pipelining;       /* the same */
	unsigned max_junk_commands;
	unsigned max_questions; /* VRFY and EXPN a minute and network; 0: no limit */
	bool bans;
	unsigned ban_score, slow_score;
	int64_t score_half_life_ms;
	int64_t slow_max_ms;
	int64_t ban_ms, ban_max_ms;
	unsigned network_bits_v4, network_bits_v6;
	unsigned max_tracked; /* networks, and buckets of rates */
	int64_t save_interval_ms;
	int64_t keep_refusals_ms;
	unsigned max_refusals;
};

#endif
