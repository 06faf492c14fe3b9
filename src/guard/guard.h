/* The guard: may this client, name, sender, recipient speak?
 *
 * Three things, which protocols ask for by a call each:
 *
 *     rules    guard_visit_begin() when a client comes, guard_judge() at each stage (connect,
 *              HELO, MAIL, RCPT): what the rules of the configuration say (guard_rule.h)
 *     bans     guard_is_banned() before anything is said; guard_note() for each misstep, which
 *              adds to the score of the client's network, costs it time, and at last shuts it out
 *     rates    token buckets of rules, and guard_may_ask() for VRFY and EXPN
 *
 * Rates and bans survive restarts. Who comes from an exempt network (this host and the relay
 * networks, unless configured otherwise) is never counted, slowed, shut out or looked up; rules
 * hold for everybody. The control socket never asks the guard.
 *
 * The client's address is the one that it is taken to have: after a PROXY header or XCLIENT that
 * of the header. All functions take a NULL guard or visit, which lets everything pass. */
#ifndef VEREDUS_GUARD_GUARD_H
#define VEREDUS_GUARD_GUARD_H

#include "guard/guard_ban.h"
#include "guard/guard_refusal.h"
#include "guard/guard_rule.h"
#include "guard/guard_score.h"
#include "message/address.h"

struct attachment_helper;
struct guard;
struct guard_visit;
struct store;
struct dns;
struct db;

struct guard_config {
	const struct config *config;
	struct store *store;             /* NULL: nothing is remembered */
	struct dns *dns;                 /* NULL: nothing is looked up */
	struct attachment_helper *files; /* NULL: attachments are looked at in this process */
};
/* Reads bans and buckets from the store. [any thread] */
int guard_open(const struct guard_config *config, struct guard **out);
/* On a fiber: from now on rates are saved from time to time. */
void guard_start(struct guard *g);
/* Saves. After the runtime has ended. */
void guard_close(struct guard *g);

/* Goes by another configuration, but for what is at_start (config_reload.h), and has another
 * database of countries, or none, which becomes the guard's. Not by two threads at once; sessions
 * go on meanwhile. To be called before a session can have the configuration. */
struct geoip;
void guard_use(struct guard *g, const struct config *config, struct geoip *countries);

/* That of its configuration; NULL without a guard, too. */
struct attachment_helper *guard_files(const struct guard *g);

/* [any thread] */
bool guard_is_exempt(const struct guard *g, const struct net_address *client);

/* --- bans ---------------------------------------------------------------------------------- */

/* Cheap; to be asked at accept. Counts the connection as turned away if so. [any thread] */
bool guard_is_banned(struct guard *g, const struct net_address *client);

/* What clients do wrong; guard.c says what each weighs. */
enum guard_offence {
	GUARD_FAILED_LOGIN,
	GUARD_UNKNOWN_USER,
	GUARD_PROTOCOL_ERROR, /* a command that nobody would send who speaks the protocol */
	GUARD_EARLY_TALK,     /* before the greeting */
	GUARD_BAD_PIPELINING,
	GUARD_FLOOD,    /* a junk command more than there may be */
	GUARD_HARVEST,  /* a VRFY or EXPN more than there may be */
	GUARD_NO_RELAY, /* mail for others, from a stranger */
	GUARD_REFUSED,  /* by a rule */
	GUARD_OFFENCES
};
/* Counts it, and says for how many milliseconds the answer should wait; -EACCES: the client is
 * banned by now, and its session should end. May commit a ban, so it parks the fiber. Sessions that
 * are logged in don't ask. */
int64_t guard_note(struct guard *g, const struct net_address *client, enum guard_offence offence);
/* Lets the session wait so long, unless so many wait already that their stacks count. The usual
 * results of a wait. */
int guard_pause(struct guard *g, int64_t ms);
/* It left a message that was taken: who sends mail to people may err now and then. Cheap. */
void guard_credit(struct guard *g, const struct net_address *client);
/* Notes and waits: 0, -EACCES or the result of the wait. */
int guard_weigh(struct guard *g, const struct net_address *client, enum guard_offence offence);

/* May this client VRFY or EXPN now? If not, it has been noted (GUARD_HARVEST). */
bool guard_may_ask(struct guard *g, const struct net_address *client);

/* By hand. -ENOSPC: there are too many. Durable when 0. */
int guard_ban_add(struct guard *g, const struct guard_ban *ban);
int guard_ban_remove(struct guard *g, const struct net_network *network);
void guard_ban_each(struct guard *g, guard_ban_visit visit, void *arg);
/* The same on rows, for when there is no server. Inside a closure. */
int guard_row_put(struct db *db, const struct guard_ban *ban);
int guard_row_remove(struct db *db, const struct net_network *network);
int guard_row_each(struct db *db, guard_ban_visit visit, void *arg);

/* --- rules --------------------------------------------------------------------------------- */

/* For one session, which keeps the configuration that it began with, as the visit does; client and
 * listener stay the caller's, name is copied. NULL if there is nothing to judge or look up. name:
 * of the client, as one tells it who is trusted (XCLIENT); else NULL, and the look-up begins. A
 * session whose client becomes another begins another visit. */
struct guard_visit *guard_visit_begin(struct guard *g, const struct config *config,
                                      const struct net_address *client, const char *listener,
                                      const char *name);
void guard_visit_end(struct guard_visit *v);

/* What is known at a stage; what is not is NULL. */
struct guard_speaker {
	bool tls;
	const char *account;
	const char *helo;
	const struct address *sender, *recipient;
	const struct slice *found; /* see guard_rule.h */
	size_t found_count;
	/* Is the sender proven to be who it says, before the message is there (SPF)? Asked when a
	 * rule wants to know; may park the fiber. NULL: not known. */
	bool (*is_proven)(void *arg);
	void *is_proven_arg;
	/* Adds what else the score table has of the message, once that is there: the classifier.
	 * Asked when a rule wants to know the score; may park the fiber. NULL: nothing. */
	void (*add_score)(void *arg, struct guard_score *score);
	void *add_score_arg;
};
/* Walks the rules. A refusal is logged, counted, and noted as an offence of who has not logged in;
 * the caller waits delay_ms, and then says the reply. May park the fiber. */
void guard_judge(struct guard_visit *v, enum rule_stage stage, const struct guard_speaker *speaker,
                 struct guard_decision *out);
/* The bytes of the message are there: lists are asked about the links in it while others check it
 * otherwise. */
void guard_look_into(struct guard_visit *v, struct slice message);
/* The score table of a message, and what is done with it. found: as of struct guard_speaker. May
 * park the fiber. The texts lie in the arena. */
enum guard_fate guard_weigh_message(struct guard *g, struct guard_visit *v, struct arena *arena,
                                    const struct slice *found, size_t count,
                                    struct guard_score *score);
/* Notes a refusal by others than rules, and gives it the code that its reply tells. */
void guard_refuse(struct guard *g, const struct guard_refusal *refusal,
                  char code_out[static GUARD_CODE_LEN + 1]);
struct guard_refusals *guard_refusals_of(struct guard *g);
struct guard_grey;
struct guard_grey *guard_greylist(struct guard *g);
/* For how many milliseconds a message of who is not known yet should wait; 0: it may pass. */
int64_t guard_greylist_wait(struct guard *g, const struct net_address *client,
                            const struct address *sender);
/* For protocols that take no mail: walks the rules of stage connect that name their listeners.
 * False if the client is refused, and has waited as long as it must: the caller says so. Nothing is
 * looked up. */
bool guard_admits(struct guard *g, const struct net_address *client, const char *listener,
                  struct guard_decision *out);
/* The names of tags, separated by ", ". */
const char *guard_tags_text(const struct config_rules *rules, struct arena *arena, uint64_t tags);
/* The client's confirmed name, or NULL; waits for the look-up if that is still under way. */
const char *guard_visit_name(struct guard_visit *v);

/* What the look-up came to; *name_out may be NULL. */
enum guard_rdns guard_visit_rdns(struct guard_visit *v, const char **name_out);

/* The same for any client, at once. */
enum guard_rdns guard_lookup_now(struct dns *dns, struct arena *arena,
                                 const struct net_address *client, int64_t deadline,
                                 const char **name_out);
/* Adds it as a verdict of "iprev" (RFC 8601 section 2.7.3); nothing if it was not asked. */
struct trust_results;
void guard_add_iprev(struct trust_results *results, struct arena *arena,
                     const struct net_address *client, enum guard_rdns found, const char *name);
/* What lists in the DNS have said (guard_rule.h); waits for what was asked. Valid until more is. v
 * may be NULL: nothing was asked. */
struct guard_listing;
const struct guard_listing *guard_visit_listings(struct guard_visit *v, size_t *count_out);
/* A verdict of "dnswl" (RFC 8904) for each list of the good, one whose weight is negative, that has
 * the client's address. Waits for what was asked of lists. */
void guard_add_dnswl(struct trust_results *results, struct arena *arena, struct guard_visit *v,
                     const struct net_address *client);
/* The same for any client, at once. Parks the fiber. */
void guard_ask_dnswl(struct guard *g, struct trust_results *results, struct arena *arena,
                     const struct net_address *client);

/* What the rules would say, without taking a token or counting. */
struct guard_question {
	const struct net_address *client;
	const char *listener;
	struct guard_speaker speaker;
	enum guard_rdns rdns; /* GUARD_RDNS_UNASKED: to be looked up, if that is possible */
	const char *rdns_name;
	struct slice message; /* at stage message, for the links in it; else empty */
};
void guard_ask(struct guard *g, const struct guard_question *question, enum rule_stage stage,
               guard_explain explain, void *explain_arg, struct guard_decision *out);

/* The score table that a message would get; see guard_weigh_message(). */
enum guard_fate guard_ask_score(struct guard *g, const struct guard_question *question,
                                struct arena *arena, struct slice message,
                                const struct slice *found, size_t count, struct guard_score *score);

/* --- what is counted ----------------------------------------------------------------------- */

struct guard_counts {
	uint64_t verdicts[RULE_VERDICTS]; /* of stages at which a rule held; allow, reject ... */
	uint64_t offences[GUARD_OFFENCES];
	uint64_t bans;        /* by score */
	uint64_t turned_away; /* connections of banned clients */
	uint64_t over_rate;   /* times that a rate was found used up */
	uint64_t slowed;
	uint64_t accounts_limited;       /* that were slowed or held */
	uint64_t account_refused;        /* recipients of those */
	size_t banned, tracked, buckets; /* now */
};
/* [any thread] */
struct guard_counts guard_counts(struct guard *g);
/* How often a rule of guard_rules() held. */
uint64_t guard_rule_count(const struct guard *g, const struct config_rule *rule);
const struct config_rules *guard_rules(const struct guard *g);
/* How a list of guard_lists() does. */
struct guard_list_counts {
	uint64_t listed, clear, failed;
};
struct guard_list_counts guard_list_count(const struct guard *g,
                                          const struct config_dns_list *list);
const struct config_dns_lists *guard_lists(const struct guard *g);
const char *guard_offence_name(enum guard_offence offence);

#endif
