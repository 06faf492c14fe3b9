/* Does a list in the DNS work, and what does it say? For `veredus guard lists`. */
#ifndef VEREDUS_GUARD_GUARD_LIST_CHECK_H
#define VEREDUS_GUARD_GUARD_LIST_CHECK_H

#include "base/arena.h"
#include "config/config.h"

struct dns;

enum { LIST_CHECKS_MAX = 4 };

/* One test entry (RFC 5782 section 5). */
struct guard_list_test {
	const char *entry;  /* "127.0.0.2" */
	bool should_listed; /* what it has to be */
	bool is_optional;   /* not all lists know IPv6 */
	const char *answer; /* "listed (127.0.0.2)", "not listed", or what went wrong */
	bool ok;
};
/* Asks for the entries of what the list is asked about. Returns how many. Parks the fiber. */
size_t guard_list_check(struct dns *dns, struct arena *arena, const struct config_dns_list *list,
                        struct guard_list_test out[static LIST_CHECKS_MAX]);
/* What the list says about an address or a domain: "not listed", "listed (127.0.0.4), weight 3.50:
 * REASON"; NULL: it is not asked about such. */
const char *guard_list_say(struct dns *dns, struct arena *arena, const struct config_dns_list *list,
                           struct slice what);

#endif
