/* Domains whose mail is fetched: it waits here until somebody asks for it by ATRN (RFC 2645) or
 * TURN, and an account says who may. The domains are not ours; mail for them is taken from
 * everybody.
 *
 * As in directory.h: inside a closure, addresses and domains in canonical form. */
#ifndef VEREDUS_DIRECTORY_FETCH_H
#define VEREDUS_DIRECTORY_FETCH_H

#include "directory/directory.h"

/* -ENOENT: no such account; -EEXIST: it may already; -EBUSY: the domain is ours. */
int directory_add_fetch(struct db *db, struct slice domain, struct slice address);
/* address empty: nobody may any more. -ENOENT */
int directory_remove_fetch(struct db *db, struct slice domain, struct slice address);
/* 0, or -ENOENT: its mail is not fetched. */
int directory_find_fetch(struct db *db, struct slice domain);

/* The domains that an account may fetch; by name, of what comes behind `after`. Non-zero from visit
 * stops, and is handed on. */
typedef int (*directory_fetch_visit)(struct slice domain, struct slice address, void *arg);
int directory_each_fetch_of(struct db *db, int64_t account_id, directory_fetch_visit visit,
                            void *arg);
/* All, by domain and address, behind the domain `after`. */
int directory_each_fetch_after(struct db *db, struct slice after, directory_fetch_visit visit,
                               void *arg);

#endif
