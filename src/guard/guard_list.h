/* Lists in the DNS (RFC 5782): which names to ask about, and what answers mean. Pure. */
#ifndef VEREDUS_GUARD_GUARD_LIST_H
#define VEREDUS_GUARD_GUARD_LIST_H

#include "base/arena.h"
#include "config/config.h"

/* What an answer says. A list that is asked too much, or was given up, answers for everybody: that
 * is not to be believed. */
enum guard_list_meaning {
	LIST_CLEAR, /* an answer that does not count here */
	LIST_LISTED,
	LIST_FAILED, /* an error of the list: 127.255.255.0/24, or no answer in 127/8 */
};

/* "2.2.0.192.bl.example.org"; for IPv6 by nibbles (section 2.4). NULL: no IP address. */
const char *guard_list_address_name(struct arena *arena, const struct config_dns_list *list,
                                    const struct net_address *address);
/* "example.net.dbl.example.org" for a canonical name; NULL: it is none that lists know. */
const char *guard_list_domain_name(struct arena *arena, const struct config_dns_list *list,
                                   struct slice domain);

/* Of one answer of several; *weight_out is set if it means that it is listed. */
enum guard_list_meaning guard_list_read(const struct config_dns_list *list,
                                        const struct net_address *answer, int *weight_out);

#endif
