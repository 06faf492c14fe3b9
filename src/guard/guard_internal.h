/* What the files of the guard share. */
#ifndef VEREDUS_GUARD_GUARD_INTERNAL_H
#define VEREDUS_GUARD_GUARD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "fiber/fiber.h"
#include "guard/geoip.h"
#include "guard/guard.h"
#include "guard/guard_bucket.h"
#include "guard/guard_grey.h"
#include "guard/guard_refusal.h"

struct guard_list_state; /* guard_listed.h */

struct guard {
	const struct config *_Atomic config; /* in force: config_reload.h */
	struct store *store;
	struct dns *dns;
	struct attachment_helper *files;
	struct guard_buckets *buckets;
	struct guard_bans *bans;
	struct guard_grey *grey;
	struct guard_refusals *refusals;
	pthread_rwlock_t geoip_lock;
	struct geoip *geoip;                 /* NULL: there is no database */
	_Atomic(fiber_id) saver;             /* the fiber that saves; 0: not yet */
	atomic_uint slowed_now;              /* sessions that wait at this moment */
	atomic_uint lookups_now;             /* of names of clients */
	atomic_uint lists_asked_now;         /* fibers that ask them */
	struct guard_tables *_Atomic tables; /* see guard_tables.c */
	atomic_uint_fast64_t verdicts[RULE_VERDICTS];
	atomic_uint_fast64_t offences[GUARD_OFFENCES];
	atomic_uint_fast64_t banned, turned_away, over_rate, slowed;
	atomic_uint_fast64_t accounts_limited, account_refused;
};

/* --- guard_tables.c --- */

/* Makes those of a configuration, the first or one that takes the place of another. Not by two
 * threads at once. */
void guard_tables_put(struct guard *g, const struct config *c);
void guard_tables_free(struct guard *g);
/* Of an item of any configuration that was put. [any thread] */
atomic_uint_fast64_t *guard_count_of(const struct guard *g, const struct config_rule *rule);
struct guard_list_state *guard_state_of(const struct guard *g, const struct config_dns_list *list);
struct semaphore *guard_places_of(const struct guard *g, const struct config_filter *filter);

/* --- guard_store.c --- */

int guard_store_load(struct guard *g);
/* Buckets that have changed, and what is over forgotten. */
int guard_store_save(struct guard *g);
int guard_store_put_ban(struct guard *g, const struct guard_ban *ban);
int guard_store_remove_ban(struct guard *g, const struct net_network *network);

/* --- guard_rate.c --- */

/* As struct guard_facts wants it; arg is unused there. take false: only looks. */
bool guard_rate_take(struct guard *g, const struct config_rule *rule,
                     const struct guard_facts *facts, bool take);

/* --- guard_rdns.c --- */

/* A look-up of who a client is, on a fiber of its own. It belongs to one worker. */
struct guard_lookup;
struct guard_lookup *guard_lookup_begin(struct guard *g, const struct net_address *client);
/* Waits for it. *name_out as long as the look-up. */
enum guard_rdns guard_lookup_wait(struct guard_lookup *l, const char **name_out);
void guard_lookup_end(struct guard_lookup *l);
/* --- guard_sender.c --- */

enum guard_sender_dns guard_sender_ask(struct dns *dns, struct slice domain);
bool guard_sender_is_ours(struct guard *g, struct slice domain);

/* --- guard_helo.c --- */

/* May park the fiber. */
enum guard_helo guard_helo_ask(struct guard *g, struct slice helo,
                               const struct net_address *client);

#endif
