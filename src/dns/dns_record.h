/* Records in wire format (RFC 1035 section 3.3), one struct slice each, into a dns_answer. Pure:
 * no input or output, everything in the arena. */
#ifndef VEREDUS_DNS_DNS_RECORD_H
#define VEREDUS_DNS_DNS_RECORD_H

#include "dns/dns.h"

/* Fills the records of out and its count. Malformed ones are left out. */
void dns_records_parse(struct arena *a, enum dns_type type, const struct slice *data, size_t count,
                       struct dns_answer *out);

/* False if the name can't be asked for. */
bool dns_name_is_valid(struct slice name);
/* A name as text that another server sent, in the form that dns.h promises. */
const char *dns_name_normal(struct arena *a, struct slice text);
/* "1.2.0.192.in-addr.arpa", "1.0...ip6.arpa" (RFC 3596 section 2.5); NULL if it is no IP address.
 */
const char *dns_reverse_name(struct arena *a, const struct net_address *address);

#endif
