/* Walking the rules: pure, but for what the facts have to be asked for.
 *
 * The rules are walked in the order of the file at each stage of a session. One that asks for
 * something that is not known yet is passed over. The first that holds with allow, reject or defer
 * decides the stage; delay, tag and quarantine are noted, and the walk goes on. So an `allow` for a
 * network that stands above a rule about recipients holds there, too. Rules with a rate and delays
 * count at their own stage only.
 *
 * A further condition (a DNS blocklist, greylisting) is a row in the table of guard_rule.c, and a
 * fact here that is asked for when a rule wants it. */
#ifndef VEREDUS_GUARD_GUARD_RULE_H
#define VEREDUS_GUARD_GUARD_RULE_H

#include "base/buf.h"
#include "config/config.h"

enum guard_rdns {
	GUARD_RDNS_UNASKED, /* not looked up: no condition about it holds */
	GUARD_RDNS_NONE,
	GUARD_RDNS_UNCONFIRMED, /* the name does not lead back to the address */
	GUARD_RDNS_CONFIRMED,
	GUARD_RDNS_UNKNOWN, /* no answer now */
};

enum guard_sender_dns {
	GUARD_SENDER_UNASKED,
	GUARD_SENDER_RESOLVES,
	GUARD_SENDER_UNRESOLVABLE,
	GUARD_SENDER_NULL_MX, /* which is unresolvable, too; RFC 7505 */
	GUARD_SENDER_UNRESOLVED
};

/* That something stands in a list (sections dns-list). All texts are printable. */
struct guard_listing {
	const struct config_dns_list *list;
	const char *about;  /* "192.0.2.1", "example.org" */
	const char *answer; /* "127.0.0.2" */
	const char *reason; /* what the list says about it, or "" */
	int weight;
};
enum { GUARD_REPLY_MAX = 480 }; /* RFC 5321 section 4.5.3.1.5, with room for the codes */

/* What a client calls itself. */
enum guard_helo {
	GUARD_HELO_UNKNOWN, /* no answer now */
	GUARD_HELO_CONFIRMED,
	GUARD_HELO_OURS,
	GUARD_HELO_BARE,
	GUARD_HELO_ELSEWHERE,
	GUARD_HELO_UNRESOLVABLE
};

struct guard_facts {
	const struct net_address *client;
	const char *listener;
	bool by_name; /* only rules hold that name their listeners */
	bool tls;
	const char *account; /* NULL: nobody has logged in */
	struct slice helo;   /* as given; empty before it */
	/* Canonical local@domain; "" is <>. Slices of no address before their stage. */
	struct slice sender, recipient;
	struct slice sender_domain; /* A-labels; empty in <> */
	/* What checks of the message came to, "dkim=pass example.org"; none before it is there. */
	const struct slice *found;
	size_t found_count;
	/* Asked for when a rule wants to know; may park the fiber. *name_out is the confirmed name,
	 * valid as long as the facts. */
	enum guard_rdns (*rdns)(void *arg, const char **name_out);
	enum guard_sender_dns (*sender_dns)(void *arg, struct slice domain);
	bool (*is_ours)(void *arg, struct slice domain);
	enum guard_helo (*helo_is)(void *arg);
	/* In which lists something about the session stands, as far as that is known at the stage,
	 * and what all comes to. */
	const struct guard_listing *(*listed)(void *arg, size_t *count_out);
	int (*score)(void *arg);
	/* How long who is new must wait still; 0: it may pass. */
	int64_t (*greylist)(void *arg);
	/* Takes a token; false if there is none: then the rule holds. */
	bool (*take_token)(void *arg, const struct config_rule *rule,
	                   const struct guard_facts *facts);
	void *arg;
};

struct guard_decision {
	const struct config_rule *rule;       /* that decided; NULL: none, so it is allowed */
	enum rule_verdict verdict;            /* allow, reject or defer */
	struct config_reply reply;            /* of reject and defer */
	char text[GUARD_REPLY_MAX];           /* where its text may lie */
	int64_t delay_ms;                     /* -EACCES: the client is banned by now */
	const struct config_rule *delayed_by; /* the last rule that did, or NULL */
	uint64_t tags;                        /* bits of tags */
	const struct config_rule *held_by;    /* the first that wants it in quarantine, or NULL */
};

/* Called for each rule that holds; why says by which of its items, "client 192.0.2.0/24, ...". */
typedef void (*guard_explain)(void *arg, const struct config_rule *rule, const char *why);

/* explain may be NULL. */
void guard_rules_walk(const struct config_rules *rules, enum rule_stage stage,
                      const struct guard_facts *facts, guard_explain explain, void *explain_arg,
                      struct guard_decision *out);

#endif
