/* What belongs to an account beside its row, one after the other: for those who carry an account
 * from one system to another.
 *
 * As in directory.h: inside a closure, addresses in canonical form. Slices and strings are good
 * during the visit; a result of visit that is not 0 ends it and is handed on. */
#ifndef VEREDUS_DIRECTORY_SETTINGS_H
#define VEREDUS_DIRECTORY_SETTINGS_H

#include "directory/directory.h"

/* Of its own password, whether it is enabled or not. */
int settings_each_verifier(struct db *db, int64_t account_id,
                           int (*visit)(const struct directory_verifier *verifier, void *arg),
                           void *arg);

/* The aliases that lead to an address directly. */
int settings_each_alias(struct db *db, struct slice target,
                        int (*visit)(struct slice address, enum alias_kind kind, void *arg),
                        void *arg);

struct settings_app {
	struct slice name, digest;
	unsigned scopes;
	int64_t expires_ms; /* 0: never */
};
int settings_each_app(struct db *db, int64_t account_id,
                      int (*visit)(const struct settings_app *app, void *arg), void *arg);

int settings_each_certificate(struct db *db, int64_t account_id,
                              int (*visit)(struct slice fingerprint, struct slice note, void *arg),
                              void *arg);

#endif
