/* What failed logins cost those that come after them: time.
 *
 * Each failure adds one to the score of the client (net_address_client()), of the name that was
 * tried, and of the two together; scores halve every half-life. Some failures are free; then each
 * doubles the wait before the next answer, whatever that is, up to a maximum. A right password
 * takes back what its own client and name have run up together, and nothing else: who has an
 * account can't wash away guesses at others.
 *
 *   - The same wrong password again, from the same client for the same name, is no new guess: a
 *     telephone that was not told of a new password does not run up its whole office.
 *   - Who has got in from a client lately pays there for the failures of that client with that name
 *     alone, not for those of others behind the same address.
 *   - A client without failures waits AUTH_TOLL_LITTLE_MS at most for a name that is attacked
 *     elsewhere: nobody is locked out of his account by others. The price is one quick guess for
 *     each fresh address of an attacker.
 *   - Names are scored as they are written (in any case), whether there is such an account or not,
 *     so that nothing can be learnt from the wait. "alice" and "alice@example.test" are two.
 *   - Many people may be behind a loopback address (webmail, a proxy): there a client's score is
 *     that of client and name together.
 *   - Who waits holds a stack, so only so many may. To those beyond, nothing is told, and nothing
 *     is checked for them.
 *
 * Tables of a fixed size: where one is full, the lowest score is forgotten. [any thread] */
#ifndef VEREDUS_AUTH_AUTH_TOLL_H
#define VEREDUS_AUTH_AUTH_TOLL_H

#include "net/address.h"

enum {
	AUTH_TOLL_FREE = 5,        /* failures that cost nothing */
	AUTH_TOLL_FIRST_MS = 1000, /* of the first that costs */
	AUTH_TOLL_LITTLE_MS = 1000,
	AUTH_TOLL_MAX_MS = 20000,   /* unless told otherwise */
	AUTH_TOLL_HALF_MS = 600000, /* unless told otherwise */
	AUTH_TOLL_WAITERS = 2000,   /* in all */
	AUTH_TOLL_CLIENT_WAITERS = 16,
	AUTH_TOLL_SHARED_WAITERS = 200, /* of a loopback address */
};

struct auth_toll;

struct auth_toll *auth_toll_new(void);
void auth_toll_free(struct auth_toll *t);
/* max_ms 0: failures cost nothing. */
void auth_toll_set(struct auth_toll *t, int64_t max_ms, int64_t half_ms);

/* from NULL: over no connection. now_ms is monotonic. */
int64_t auth_toll_of(struct auth_toll *t, const struct net_address *from, struct slice name,
                     int64_t now_ms);
/* guess: tells one password from another (hash_bytes()); 0: not known. */
void auth_toll_fail(struct auth_toll *t, const struct net_address *from, struct slice name,
                    uint64_t guess, int64_t now_ms);
/* It has got in. */
void auth_toll_forgive(struct auth_toll *t, const struct net_address *from, struct slice name,
                       int64_t now_ms);

/* A place to wait in, to be left again. False: there is none. */
bool auth_toll_enter(struct auth_toll *t, const struct net_address *from);
void auth_toll_leave(struct auth_toll *t, const struct net_address *from);
/* Whether there would be one. */
bool auth_toll_has_room(struct auth_toll *t, const struct net_address *from);
unsigned auth_toll_waiting(struct auth_toll *t);

#endif
