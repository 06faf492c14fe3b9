/* Who is shut out, and who is on the way to it.
 *
 * Each network has a score, of which half is forgotten after a while. What a client does wrong
 * adds to it; at the limit the network is banned, for twice as long each time within a day. People
 * ban networks of any size by hand, for a time or for ever. Bounded: of networks with a score the
 * oldest goes, and of bans, of which there are at most as many, those that are over, or else the
 * one that ends first; what people banned stays.
 *
 * Times are monotonic milliseconds of the caller, but where it says wall. [any thread] */
#ifndef VEREDUS_GUARD_GUARD_BAN_H
#define VEREDUS_GUARD_GUARD_BAN_H

#include "net/address.h"

struct guard_bans;

struct guard_bans_config {
	unsigned score_limit; /* 0: nobody is banned by score */
	int64_t half_life_ms;
	int64_t ban_ms, ban_max_ms;
	unsigned bits_v4, bits_v6;
	size_t max;
};

enum { GUARD_REASON_MAX = 100 };
#define GUARD_BAN_FOR_EVER INT64_MAX

struct guard_ban {
	struct net_network network;
	int64_t left_ms; /* 0: over, but remembered; or GUARD_BAN_FOR_EVER */
	int64_t begun_wall_ms;
	unsigned count; /* how often in a row */
	bool by_hand;
	char reason[GUARD_REASON_MAX];
};

struct guard_bans *guard_bans_new(const struct guard_bans_config *config);
void guard_bans_free(struct guard_bans *b);
/* Other limits and times; the networks and how many there may be stay. [any thread] */
void guard_bans_set(struct guard_bans *b, const struct guard_bans_config *config);

/* Fast when nobody is banned. */
bool guard_bans_has(struct guard_bans *b, const struct net_address *client, int64_t now_ms);
/* Adds to the score of the client's network. *score_out: what it is now. True if that banned it;
 * *ban_out tells how. */
bool guard_bans_note(struct guard_bans *b, const struct net_address *client, unsigned points,
                     const char *reason, int64_t now_ms, double *score_out,
                     struct guard_ban *ban_out);
/* Takes points away, and forgets a score that is none any more. Fast when nobody has one. */
void guard_bans_credit(struct guard_bans *b, const struct net_address *client, unsigned points,
                       int64_t now_ms);
/* By hand, or from the store; replaces one of the same network. -ENOSPC: there are too many by
 * hand. */
int guard_bans_put(struct guard_bans *b, const struct guard_ban *ban, int64_t now_ms);
/* Lifts a ban, and forgets the scores of what lies in it. -ENOENT. */
int guard_bans_remove(struct guard_bans *b, const struct net_network *network, int64_t now_ms);
/* Active ones. The visit runs under a lock: it copies, no more. */
typedef void (*guard_ban_visit)(void *arg, const struct guard_ban *ban);
void guard_bans_each(struct guard_bans *b, int64_t now_ms, guard_ban_visit visit, void *arg);
size_t guard_bans_count(struct guard_bans *b, int64_t now_ms);
/* Networks with a score. */
size_t guard_bans_tracked(struct guard_bans *b);
/* Forgets bans that are over for a day. True: some were, or made room, since the last call. */
bool guard_bans_expire(struct guard_bans *b, int64_t now_ms);

#endif
