/* Who is asked whether a password is right: auth/passdb.h. */
#ifndef VEREDUS_CONFIG_CONFIG_PASSDB_H
#define VEREDUS_CONFIG_CONFIG_PASSDB_H

#include <stdbool.h>
#include <stdint.h>

enum config_passdb_driver { PASSDB_INTERNAL, PASSDB_FILE, PASSDB_PAM, PASSDB_LDAP };

struct config_passdb {
	const char *name; /* the section's title */
	enum config_passdb_driver driver;
	const char *domain;  /* canonical: only names in it are asked about, and those without a
	                        domain are in it; or NULL */
	bool create;         /* accounts at their first login */
	int64_t remember_ms; /* how long a right password is not asked about again */
	int64_t timeout_ms;  /* of a question */
	unsigned threads;    /* questions at a time */
	const char *file;    /* absolute */
	/* Of PAM. */
	const char *service, *pam_directory; /* NULL: the system's */
	bool full_names;                     /* the user is the address, not its local part */
	/* Of LDAP. bind_password comes from bind-password-file. */
	const char *url, *ca, *bind_dn, *bind_password, *base, *filter, *address_attribute;
	bool starttls;
};

#endif
