/* Recipients that there are in relay domains (section relay of the configuration), as rows.
 *
 * As in directory.h: inside a closure, addresses in canonical form. "@example.test" stands for all
 * of a domain. A row has the stamp of the import that saw it last, so that a file which comes in
 * many commits can replace all that was there: rows with an older stamp go with the last one. */
#ifndef VEREDUS_DIRECTORY_RELAY_H
#define VEREDUS_DIRECTORY_RELAY_H

#include "store/db.h"

/* *added_out: it was not there. */
int directory_put_relay(struct db *db, struct slice address, int64_t stamp, bool *added_out);
/* -ENOENT */
int directory_remove_relay(struct db *db, struct slice address);
/* Those of the domain with an older stamp. */
int directory_expire_relay(struct db *db, struct slice domain, int64_t stamp, int64_t *count_out);
/* 0: this local part (canonical) is there, as it is, without what follows the separator (0: there
 * is none), or as one of all. -ENOENT. */
int directory_find_relay(struct db *db, struct arena *arena, struct slice local,
                         struct slice domain, char separator);

typedef int (*directory_relay_visit)(struct slice address, void *arg);
/* By domain and address, behind the address `after` ("": from the first); domain empty: of all.
 * Non-zero from visit stops, and is handed on. */
int directory_each_relay(struct db *db, struct slice domain, struct slice after,
                         directory_relay_visit visit, void *arg);

#endif
