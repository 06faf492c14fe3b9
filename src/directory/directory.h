/* The directory: domains, accounts, aliases and their credentials, as rows.
 *
 * All functions are called inside a closure of store_read() or store_commit(). Addresses are
 * given and kept in canonical form: domain in lower-case A-labels, local part in lower case
 * (local parts are matched without regard to case; RFC 5321 section 2.4 lets the receiving host
 * decide). */
#ifndef VEREDUS_DIRECTORY_DIRECTORY_H
#define VEREDUS_DIRECTORY_DIRECTORY_H

#include "store/db.h"

struct account {
	int64_t id;
	const char *address;
	bool enabled;
	uint64_t quota_bytes; /* 0: none */
	uint64_t used_bytes;
};

/* -ENOENT if there is none. Strings go into the arena. */
int directory_find_account(struct db *db, struct arena *a, struct slice address,
			   struct account *out);
/* 0 if the domain is one of ours. catch_all_out: the address that takes what nobody else does,
 * or NULL. */
int directory_find_domain(struct db *db, struct arena *a, struct slice domain,
			  const char **catch_all_out);
/* The targets of an alias, in order; -ENOENT if the address is none. */
int directory_find_alias(struct db *db, struct arena *a, struct slice address,
			 const char ***targets_out, size_t *count_out);

/* Changes. -EEXIST, -ENOENT, -EINVAL (no valid address). Adding an account makes its folders
 * through the hook, which the mailbox layer gives: directory lies below it. */
typedef int (*directory_account_hook)(struct db *db, int64_t account_id, void *arg);
struct account_new {
	struct slice address;
	uint64_t quota_bytes;
	const char *verifier; /* of the password: see auth/password.h */
	directory_account_hook made;
	void *arg;
};
int directory_add_domain(struct db *db, struct slice domain);
int directory_remove_domain(struct db *db, struct slice domain); /* -ENOTEMPTY */
int directory_set_catch_all(struct db *db, struct slice domain, const char *address);
int directory_add_account(struct db *db, const struct account_new *account, int64_t *id_out);
int directory_set_verifier(struct db *db, struct slice address, const char *verifier);
int directory_set_quota(struct db *db, struct slice address, uint64_t quota_bytes);
int directory_remove_account(struct db *db, struct slice address);
int directory_add_alias(struct db *db, struct slice address, struct slice target);
int directory_remove_alias(struct db *db, struct slice address, struct slice target);
/* The stored verifier of an enabled account's password, into the arena. */
int directory_get_verifier(struct db *db, struct arena *a, struct slice address,
			   struct account *account_out, const char **verifier_out);

/* Lists, by address. Return non-zero from visit to stop. */
int directory_each_account(struct db *db, int (*visit)(const struct account *a, void *arg),
			   void *arg);
int directory_each_domain(struct db *db, int (*visit)(const char *domain, const char *catch_all,
						      void *arg), void *arg);
int directory_each_alias(struct db *db, int (*visit)(const char *address, const char *target,
						     void *arg), void *arg);

#endif
