/* LDAP search filters from a template. Pure. */
#ifndef VEREDUS_AUTH_LDAP_FILTER_H
#define VEREDUS_AUTH_LDAP_FILTER_H

#include "base/arena.h"

/* "(&(objectClass=person)(mail=%u))" with %u the address, %n its local part, %d its domain, and %%
 * a percent sign. Whatever is put in is escaped (RFC 4515 section 3): it stays a value, whatever
 * somebody calls himself. NULL if a % stands for nothing (the configuration is checked for that),
 * or the filter gets too long. */
const char *ldap_filter(struct arena *arena, struct slice template, struct slice local,
                        struct slice domain);

#endif
