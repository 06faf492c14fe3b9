/* Limits on accounts that begin to send like a program that stole their password.
 *
 *     guard_account_ask()     at MAIL of who has logged in: may it, and to how many?
 *     account_note_sent()     in the commit that takes the message: counted
 *     guard_account_refused() a recipient was refused for it
 *
 * All that is counted lies in rows, written by the commit that takes a message, so it is exact over
 * restarts and crashes:
 *
 *     account_sent       recipients in slots of ten minutes, for two days
 *     account_network    networks that it sent from, and when last, for a day
 *     account_standing   that it is slowed or held, since when and why; who was told
 *
 * One that is beyond a limit is SLOWED: each MAIL waits, and few recipients an hour are taken. Who
 * goes on all the same is HELD, if the configuration wants that: messages are taken, and wait in
 * the queue for the operator. Messages that are under way at once are not counted against each
 * other. Times are wall-clock. */
#ifndef VEREDUS_GUARD_GUARD_ACCOUNT_H
#define VEREDUS_GUARD_GUARD_ACCOUNT_H

#include "base/arena.h"
#include "config/config_account.h"
#include "guard/geoip.h"
#include "net/address.h"

struct guard;
struct db;

enum account_standing { ACCOUNT_FREE, ACCOUNT_SLOWED, ACCOUNT_HELD };
enum { ACCOUNT_WHY_MAX = 160 };

struct account_use {
	enum account_standing standing;
	int64_t since_ms;
	char why[ACCOUNT_WHY_MAX];
	int64_t told_ms, released_ms;
	int64_t refused;   /* recipients, since it is slowed */
	int64_t hour, day; /* recipients */
	int64_t two_days;  /* likewise */
	int64_t slow_hour; /* of those of the hour: while it was not free */
	int64_t networks;  /* of the window; that which asks included */
	int64_t countries; /* of their window, likewise */
	int64_t bounces;   /* hard ones of a day */
};

/* "free", "slowed", "held" */
const char *account_standing_name(enum account_standing standing);
/* Beyond which limit, in words for people; NULL: none. Pure. */
const char *account_beyond(const struct config_account *c, const struct account_use *use,
                           char why[static ACCOUNT_WHY_MAX]);
/* How many recipients it may still send to. Pure. */
int64_t account_room(const struct config_account *c, const struct account_use *use);

/* --- rows: inside closures ----------------------------------------------------------------- */

/* Where a client is. */
struct account_place {
	const struct net_address *client;
	const char *country; /* of geoip_country(); "" if it is not known */
};
/* place: NULL for who only looks. */
int account_read_use(struct db *db, const struct config_account *c, int64_t account_id,
                     struct slice address, const struct account_place *place, int64_t now_ms,
                     struct account_use *out);
int account_note_sent(struct db *db, const struct config_account *c, int64_t account_id,
                      const struct account_place *place, size_t recipients, int64_t now_ms);
int account_find_standing(struct db *db, int64_t account_id, enum account_standing *out);
/* Free again, and counted anew. -ENOENT: it is free. */
int account_release(struct db *db, int64_t account_id, int64_t now_ms);
int account_forget(struct db *db, int64_t account_id);

/* --- sessions ------------------------------------------------------------------------------ */

struct account_answer {
	bool watched; /* false: nobody limits it */
	struct account_use use;
	char country[GEOIP_COUNTRY_MAX]; /* of the client, or "" */
	int64_t room;                    /* recipients */
	int64_t delay_ms;                /* before the answer to MAIL */
	bool tell; /* postmaster is to be told: it has just been slowed, or held */
};
/* Fails open: a store that can't be read is no limit. Parks the fiber. */
void guard_account_ask(struct guard *g, int64_t account_id, const char *address,
                       const struct net_address *client, struct account_answer *out);
/* A recipient beyond the room: slows the account if it is free yet, and counts. */
void guard_account_refused(struct guard *g, int64_t account_id, const char *address,
                           struct account_answer *answer);

#endif
