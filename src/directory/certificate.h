/* Certificates of clients that stand for an account, known by their fingerprint (tls_fingerprint()
 * of net/tls.h). One certificate is of one account; an account may have several.
 *
 * As in directory.h: inside a closure, addresses in canonical form. */
#ifndef VEREDUS_DIRECTORY_CERTIFICATE_H
#define VEREDUS_DIRECTORY_CERTIFICATE_H

#include "directory/directory.h"

/* note: what the operator wants to know it by. -ENOENT: no such account; -EEXIST: it is somebody's.
 */
int directory_add_certificate(struct db *db, struct slice address, struct slice fingerprint,
                              struct slice note);
/* -ENOENT */
int directory_remove_certificate(struct db *db, struct slice fingerprint);
/* Whose it is. -ENOENT: nobody's. */
int directory_find_certificate(struct db *db, struct arena *a, struct slice fingerprint,
                               struct account *out);

struct certificate_entry {
	struct slice fingerprint, address, note;
	int64_t added_ms; /* wall clock */
};
/* By fingerprint, of what comes behind `after`. Strings are good until visit returns; non-zero from
 * visit stops, and is handed on. */
int directory_each_certificate_after(struct db *db, struct slice after,
                                     int (*visit)(const struct certificate_entry *entry, void *arg),
                                     void *arg);

#endif
