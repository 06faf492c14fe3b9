/* Scripts of accounts, and what scripts remember, as rows.
 *
 * All functions run inside a closure of the store (store/store.h). An account has any number of
 * scripts up to a limit, of which one may be active: it is run when mail is delivered.
 *
 * What is put in here should compile; nobody checks that again but the delivery, which keeps the
 * message and tells the user. */
#ifndef VEREDUS_SIEVE_SIEVE_ROWS_H
#define VEREDUS_SIEVE_SIEVE_ROWS_H

#include "store/db.h"

/* Bytes of a name (UTF-8 without control characters and "/"; RFC 5804 section 1.6). */
enum { SIEVE_NAME_MAX = 512 };

struct sieve_script_row {
	struct slice name;
	bool active;
	int64_t size_bytes, changed_ms; /* wall clock */
};

bool sieve_name_is_valid(struct slice name);

/* Adds a script or replaces it, active or not as it was. -EINVAL: the name; -EDQUOT: there would be
 * more than max_scripts. */
int sieve_put_script(struct db *db, int64_t account_id, struct slice name, struct slice content,
                     int64_t now_ms, unsigned max_scripts);
/* In the arena. -ENOENT. */
int sieve_get_script(struct db *db, struct arena *arena, int64_t account_id, struct slice name,
                     struct slice *content_out);
/* 1: there is one of that name, 0: not. */
int sieve_has_script(struct db *db, int64_t account_id, struct slice name);
/* In the order of their names. A visit that returns non-zero ends it and is handed on; slices are
 * valid during it. */
int sieve_each_script(struct db *db, int64_t account_id,
                      int (*visit)(const struct sieve_script_row *row, void *arg), void *arg);
int sieve_count_scripts(struct db *db, int64_t account_id, int64_t *count_out);
/* Makes it the active one; name empty: none is. -ENOENT. */
int sieve_activate_script(struct db *db, int64_t account_id, struct slice name);
/* -ENOENT; -EBUSY: it is active. */
int sieve_delete_script(struct db *db, int64_t account_id, struct slice name);
/* -ENOENT, -EEXIST, -EINVAL. It stays active if it was. */
int sieve_rename_script(struct db *db, int64_t account_id, struct slice from, struct slice to);
/* The name of the active script, in the arena. -ENOENT: there is none. */
int sieve_active_name(struct db *db, struct arena *arena, int64_t account_id,
                      struct slice *name_out);

/* What an account's scripts have done before, by kind. */
enum sieve_memory {
	SIEVE_ANSWERED,  /* vacation: sender and handle */
	SIEVE_SEEN,      /* duplicate: the id */
	SIEVE_SENT_ON,   /* redirect: message and address */
	SIEVE_COMPLAINED /* the user was told of an error */
};
/* Whether it was done and is still remembered. 0 or 1, or an error. */
int sieve_remembers(struct db *db, int64_t account_id, enum sieve_memory kind, struct slice key,
                    int64_t now_ms);
/* Until then (wall clock); what is past is forgotten by the way. */
int sieve_remember(struct db *db, int64_t account_id, enum sieve_memory kind, struct slice key,
                   int64_t now_ms, int64_t until_ms);

/* All of an account that is going. */
int sieve_remove_account(struct db *db, int64_t account_id);

#endif
