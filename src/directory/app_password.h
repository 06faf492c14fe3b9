/* Application passwords: one for each program or device of a person, beside or instead of the
 * account's own, each good for some services only, until a date, and removed alone.
 *
 * As directory.h: all functions are called inside a closure, addresses are canonical. What is kept
 * is a digest (auth/app_secret.h makes it). */
#ifndef VEREDUS_DIRECTORY_APP_PASSWORD_H
#define VEREDUS_DIRECTORY_APP_PASSWORD_H

#include "store/db.h"

/* What one may be used for; bits of a set. */
enum app_scope {
	APP_SCOPE_SMTP = 1,
	APP_SCOPE_IMAP = 2,
	APP_SCOPE_POP3 = 4,
	APP_SCOPE_ALL = 7,
};

enum {
	APP_NAME_MAX = 64,     /* bytes of a name */
	APP_PER_ACCOUNT = 100, /* of one account */
	APP_SCOPES_TEXT = 16,  /* room for any set as text */
};

/* "smtp,imap" -> a set. False: one of them is none, or there is none. */
bool app_scopes_parse(struct slice text, unsigned *scopes_out);
/* The other way round. Returns out. */
const char *app_scopes_text(unsigned scopes, char out[static APP_SCOPES_TEXT]);

struct app_password {
	int64_t id;
	const char *name;
	unsigned scopes;
	int64_t created_ms;
	int64_t expires_ms;    /* 0: never */
	int64_t used_ms;       /* the last time; 0: never */
	const char *used_from; /* the client's address then, or "" */
};

struct app_password_new {
	struct slice account; /* its address */
	const char *name;     /* NULL: the first of "app-1", "app-2" ... that is free */
	const char *digest;
	unsigned scopes;
	int64_t expires_ms;
};
/* *name_out: what it is called, in the arena. -ENOENT: no such account. -EEXIST: the account has
 * one of that name. -EINVAL: no such name is possible. -EDQUOT: it has APP_PER_ACCOUNT. */
int directory_add_app_password(struct db *db, struct arena *a, const struct app_password_new *app,
                               const char **name_out);
/* -ENOENT: no such account, or it has none of that name. */
int directory_remove_app_password(struct db *db, struct slice account, struct slice name);

/* The one of an account that has this digest; -ENOENT. Strings go into the arena. */
int directory_find_app_password(struct db *db, struct arena *a, int64_t account_id,
                                const char *digest, struct app_password *out);
/* One that has gone meanwhile is no error. */
int directory_note_app_use(struct db *db, int64_t id, int64_t used_ms, struct slice used_from);

/* By name. Strings are valid during the visit; a non-zero return stops, and is handed on. -ENOENT:
 * no such account. */
typedef int (*app_password_visit)(const struct app_password *app, void *arg);
int directory_each_app_password(struct db *db, struct slice account, app_password_visit visit,
                                void *arg);

#endif
