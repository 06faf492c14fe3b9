/* What POP3 holds an account to (RFC 2449 sections 6.5 and 6.7): how long mail that was read may
 * stay, and how long it waits between two logins. Most accounts have the terms of the
 * configuration; some have terms of their own.
 *
 * As in directory.h: inside a closure. */
#ifndef VEREDUS_DIRECTORY_POP3_TERMS_H
#define VEREDUS_DIRECTORY_POP3_TERMS_H

#include "config/config.h"
#include "store/db.h"

struct pop3_terms {
	int expire_days; /* CONFIG_NEVER: mail stays */
	int64_t delay_ms;
};

/* Terms of an account's own. */
struct pop3_terms_change {
	bool has_expire, has_delay;               /* are to be set */
	bool expire_is_default, delay_is_default; /* to what the configuration says */
	struct pop3_terms terms;
};
/* Reading: those that the account has; the others are not set. */
int pop3_terms_own(struct db *db, int64_t account_id, struct pop3_terms_change *out);
/* Reading: *terms has what the configuration says, and gets what the account has of its own. */
int pop3_terms_get(struct db *db, int64_t account_id, struct pop3_terms *terms);
/* Reading: *terms likewise, and gets the strictest that any account has: what may be told to who
 * has not logged in. */
int pop3_terms_strictest(struct db *db, struct pop3_terms *terms, bool *expire_varies_out,
                         bool *delay_varies_out);

/* In a commit: the account logs in now. -EAGAIN: its last login is not delay_ms ago. */
int pop3_login_note(struct db *db, int64_t account_id, int64_t delay_ms, int64_t now_ms);
/* Reading: it has been noted once. */
int pop3_login_is_known(struct db *db, int64_t account_id, bool *known_out);

enum { POP3_EXPIRING_MAX = 64 };
/* Reading: the next accounts, by their ids, whose mail expires in days: those that have been noted,
 * and those with terms of their own. Others may never have heard of POP3. Returns how many. */
int pop3_terms_expiring(struct db *db, const struct pop3_terms *all, int64_t after,
                        int64_t ids[POP3_EXPIRING_MAX]);

/* "30", "never" or "default"; "10m" or "default"; NULL: it stays. False: one of them is none. Pure.
 */
bool pop3_terms_parse(const char *expire, const char *delay, struct pop3_terms_change *out);
/* address: canonical. -ENOENT: there is no such account. */
int pop3_terms_set(struct db *db, struct slice address, const struct pop3_terms_change *change);

#endif
