/* The directory: domains, accounts, aliases and their credentials, as rows.
 *
 * All functions that take a db are called inside a closure of store_read() or store_commit().
 * Addresses are given and kept in canonical form: domain in lower-case A-labels, local part in
 * lower case (local parts are matched without regard to case; RFC 5321 section 2.4 lets the
 * receiving host decide). Those that add something make the form canonical themselves.
 *
 *   1. An account belongs to a domain of ours, and a domain with accounts or aliases stays.
 *   2. An address is an account or an alias, never both.
 *   3. No password is kept, only verifiers (auth/password.h), one of each kind. */
#ifndef VEREDUS_DIRECTORY_DIRECTORY_H
#define VEREDUS_DIRECTORY_DIRECTORY_H

#include "store/db.h"

struct account {
	int64_t id;
	const char *address;
	bool enabled;
	bool app_only;        /* its own password is not good for logging in: app_password.h */
	bool sent_copy;       /* the server files what it sends in Sent */
	uint64_t quota_bytes; /* 0: none */
	uint64_t used_bytes;
	uint64_t quota_messages; /* 0: none */
	uint64_t used_messages;
};

/* -ENOENT if there is none. Strings go into the arena. */
int directory_find_account(struct db *db, struct arena *a, struct slice address,
                           struct account *out);
/* Does it want a copy of what it sends filed in Sent? -ENOENT. */
int directory_wants_sent_copy(struct db *db, int64_t account_id, bool *out);
/* May it change over IMAP what else is the operator's? -ENOENT. */
int directory_is_administrator(struct db *db, int64_t account_id, bool *out);
/* 0 if the domain is one of ours. catch_all_out: the address that takes what nobody else does,
 * or NULL. */
int directory_find_domain(struct db *db, struct arena *a, struct slice domain,
                          const char **catch_all_out);
/* One of our domains, always the same for a number as long as the domains are. -ENOENT: there is
 * none. */
int directory_pick_domain(struct db *db, struct arena *a, uint32_t number, const char **name_out);
enum alias_kind {
	ALIAS_PLAIN,
	ALIAS_HIDDEN, /* its members are told to nobody (EXPN) */
	ALIAS_MOVED,  /* takes no mail: senders are told the address behind it (551) */
};
struct alias {
	enum alias_kind kind;
	const char **targets; /* in order */
	size_t count;
};
/* -ENOENT if the address is none. */
int directory_find_alias(struct db *db, struct arena *a, struct slice address, struct alias *out);
/* Accounts and aliases of all our domains that have this local part (canonical), at most max, by
 * address; 0 of them is no error. */
int directory_find_local_part(struct db *db, struct arena *a, struct slice local, size_t max,
                              struct slice *out, size_t *count_out);

/* The account that logs in by this name: its address, or its local part if only one domain of
 * ours has that. -ENOENT, also when several have it. */
int directory_find_login(struct db *db, struct arena *a, struct slice name, struct account *out);
/* A verifier of an enabled account. kind: one of auth/password.h. -ENOENT. */
int directory_get_verifier(struct db *db, struct arena *a, int64_t account_id, const char *kind,
                           const char **verifier_out);

/* Whether any account has a verifier of this kind. */
int directory_has_kind(struct db *db, const char *kind, bool *has_out);

/* The canonical form of an address or a domain as people write them. -EINVAL. */
int directory_canonical_address(struct arena *a, struct slice text, struct slice *out);
int directory_canonical_domain(struct arena *a, struct slice text, struct slice *out);

/* Changes. -EEXIST, -ENOENT (no such domain, address ...), -EINVAL (no valid address). Adding an
 * account makes its folders through the hook, which the mailbox layer gives: directory lies
 * below it. */
typedef int (*directory_account_hook)(struct db *db, int64_t account_id, void *arg);
struct directory_verifier {
	const char *kind, *value;
};
struct account_new {
	struct slice address;
	uint64_t quota_bytes, quota_messages, quota_mailboxes; /* 0: none */
	const struct directory_verifier *verifiers;
	size_t verifier_count; /* 0: nobody can log in */
	directory_account_hook made;
	void *arg;
};
int directory_add_domain(struct db *db, struct slice domain);
int directory_remove_domain(struct db *db, struct slice domain); /* -ENOTEMPTY */
/* address NULL: nobody. It may be anywhere. */
int directory_set_catch_all(struct db *db, struct slice domain, const char *address);
int directory_add_account(struct db *db, const struct account_new *account, int64_t *id_out);
/* Replaces all verifiers of the account. */
int directory_set_verifiers(struct db *db, struct slice address,
                            const struct directory_verifier *verifiers, size_t count);
int directory_set_quota(struct db *db, struct slice address, uint64_t quota_bytes);
int directory_set_app_only(struct db *db, struct slice address, bool app_only);
int directory_set_enabled(struct db *db, struct slice address, bool enabled);
int directory_set_sent_copy(struct db *db, struct slice address, bool wanted);
int directory_set_administrator(struct db *db, struct slice address, bool administrator);
/* The rows of the directory alone: the mailboxes must be gone (mailbox_remove_account). */
int directory_remove_account(struct db *db, struct slice address);
/* Adds a target behind those that there are. The address must be in a domain of ours. */
int directory_add_alias(struct db *db, struct slice address, struct slice target);
/* The alias must be there. */
int directory_set_alias_kind(struct db *db, struct slice address, enum alias_kind kind);
/* target empty: the whole alias. */
int directory_remove_alias(struct db *db, struct slice address, struct slice target);

/* Lists, by address, of what comes behind `after` (empty: all). Return non-zero from visit to
 * stop; it is handed on. */
typedef int (*directory_account_visit)(const struct account *a, void *arg);
typedef int (*directory_domain_visit)(const char *domain, const char *catch_all, void *arg);
typedef int (*directory_alias_visit)(const char *address, const char *target, enum alias_kind kind,
                                     void *arg);
int directory_each_account_after(struct db *db, struct slice after, directory_account_visit visit,
                                 void *arg);
int directory_each_account(struct db *db, directory_account_visit visit, void *arg);
int directory_each_domain(struct db *db, directory_domain_visit visit, void *arg);
/* after: an address; all targets of an address come together. */
int directory_each_alias_after(struct db *db, struct slice after, directory_alias_visit visit,
                               void *arg);
int directory_each_alias(struct db *db, directory_alias_visit visit, void *arg);

#endif
