/* Back ends: who else knows whether a password is right.
 *
 * The internal directory keeps verifiers of its own (password.h). Beside it, or instead, a password
 * may be shown to a file, to PAM, to an LDAP server. Each is a struct passdb_driver of three
 * functions, which may block as long as they like: they run on threads that each back end has for
 * itself, a few at most, and who asks waits on his fiber until a deadline. A question that is not
 * answered by then is abandoned to its thread. So a server that hangs costs its threads, and
 * answers to those who ask it, and nothing else.
 *
 *     auth.c  ->  passdb_ask()  ->  a thread  ->  driver->check()  ->  PASSDB_ACCEPTED, address
 *
 * What a back end accepts is an address; whether there is such an account is auth.c's. */
#ifndef VEREDUS_AUTH_PASSDB_H
#define VEREDUS_AUTH_PASSDB_H

#include "base/arena.h"
#include "config/config.h"

enum passdb_verdict {
	PASSDB_REFUSED, /* unknown, or the wrong password: nobody learns which */
	PASSDB_ACCEPTED,
	PASSDB_EXPIRED, /* right, but it has to be changed first */
	PASSDB_UNAVAILABLE,
};

enum { PASSDB_ADDRESS_MAX = 512, PASSDB_QUEUE_FACTOR = 16 };

/* What is asked. Strings are the question's own, and stay until it is answered. */
struct passdb_question {
	const char *address; /* canonical: who wants to log in */
	const char *local, *domain;
	const char *password; /* not empty */
	const char *client;   /* an IP address, or "" */
	const char *service;  /* "smtp", "imap", "pop3" */
	int64_t deadline;     /* after it nobody waits for the answer */
};

struct passdb_driver {
	/* 0, or a negative errno after it logged why. */
	int (*open)(const struct config_passdb *config, void **self_out);
	/* address_out: who it is, if that is not the address that was asked about; it comes as "".
	 * By several threads at a time. */
	enum passdb_verdict (*check)(void *self, const struct passdb_question *q,
	                             char address_out[static PASSDB_ADDRESS_MAX]);
	void (*close)(void *self);
};
extern const struct passdb_driver passdb_file_driver;
extern const struct passdb_driver passdb_pam_driver;
extern const struct passdb_driver passdb_ldap_driver;

struct passdb;

/* config must stay. 0, or a negative errno after a log line. */
int passdb_open(const struct config_passdb *config, struct passdb **out);
/* Waits a moment for threads that are at work; who hangs is left alone. NULL is allowed. */
void passdb_close(struct passdb *p);
const struct config_passdb *passdb_config(const struct passdb *p);

/* address: canonical. *address_out: who it is, in the arena. [fiber] */
enum passdb_verdict passdb_ask(struct passdb *p, struct arena *arena, struct slice address,
                               struct slice password, const char *client, const char *service,
                               const char **address_out);

#endif
