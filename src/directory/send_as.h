/* Whom an account may send as, besides the addresses that lead to it: delegates, and machines that
 * send for others.
 *
 * As in directory.h: inside a closure. An entry is an address, "@domain" for a whole domain (which
 * may be anywhere), or "*" for all. */
#ifndef VEREDUS_DIRECTORY_SEND_AS_H
#define VEREDUS_DIRECTORY_SEND_AS_H

#include "store/db.h"

enum { SEND_AS_MAX = 1000 }; /* entries of an account */

/* "boss@example.test, @lists.example.test": entries with commas between, in canonical form; empty:
 * none. -EINVAL: one of them is none, -E2BIG: more than SEND_AS_MAX. Pure. */
struct send_as {
	struct slice *entries;
	size_t count;
};
int send_as_parse(struct arena *a, struct slice text, struct send_as *out);

/* Replaces those of the account (canonical address). -ENOENT: no such account. */
int directory_set_send_as(struct db *db, struct slice account, const struct send_as *entries);
/* address: canonical. */
int directory_may_send_as(struct db *db, int64_t account_id, struct slice address, bool *may_out);

/* In order. The slice is good during the visit; non-zero stops, and is handed on. -ENOENT: no such
 * account. */
typedef int (*send_as_visit)(struct slice entry, void *arg);
int directory_each_send_as(struct db *db, struct slice account, send_as_visit visit, void *arg);

#endif
