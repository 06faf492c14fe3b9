/* The keys of our domains, as rows of the store, which only its owner can read.
 *
 * A key waits until its record is in the DNS, then it signs; once another of its kind does, it is
 * old: its record has to stay for a while, for mail that is still under way, and then the key is
 * forgotten. All inside a closure. */
#ifndef VEREDUS_TRUST_DKIM_ROWS_H
#define VEREDUS_TRUST_DKIM_ROWS_H

#include "store/db.h"
#include "trust/dkim_signature.h"

/* Kept in the database by number. */
enum dkim_state { DKIM_WAITS, DKIM_ACTIVE, DKIM_OLD };
const char *dkim_state_name(enum dkim_state state);

struct dkim_row {
	struct slice domain, selector;
	enum dkim_algorithm algorithm;
	enum dkim_state state;
	int64_t created_ms; /* wall clock */
	int64_t until_ms;   /* of an old one: then it is forgotten */
	struct slice private_key;
};

/* -EEXIST: there is one of that name. */
int dkim_row_add(struct db *db, const struct dkim_row *row);
/* Slices are valid until visit returns; what it returns, if not 0, ends the walk. domain empty: of
 * all. By domain, then by age. */
typedef int (*dkim_row_visit)(const struct dkim_row *row, void *arg);
int dkim_row_each(struct db *db, struct slice domain, dkim_row_visit visit, void *arg);
/* It signs from now on; those of its kind that did are old until then. -ENOENT. */
int dkim_row_activate(struct db *db, struct slice domain, struct slice selector, int64_t until_ms);
/* selector empty: all of the domain. -ENOENT: there was none. */
int dkim_row_remove(struct db *db, struct slice domain, struct slice selector);
/* Forgets those whose time is over; how many. */
int dkim_row_expire(struct db *db, int64_t now_ms, int64_t *count_out);

#endif
