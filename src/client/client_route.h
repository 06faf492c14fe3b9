/* Where mail for a domain goes: a smarthost of the configuration, or its MX (RFC 5321 section 5),
 * Null MX (RFC 7505), implicit MX and address literals.
 *
 *     client_choose()      finds the section of the configuration that has the mail, if any
 *     client_choose_key()  names the destination: what the queue groups, limits and backs off by
 *     client_route_find()  turns it into addresses to try, best first */
#ifndef VEREDUS_CLIENT_CLIENT_ROUTE_H
#define VEREDUS_CLIENT_CLIENT_ROUTE_H

#include "client/client_choose.h"
#include "client/smtp_client.h"
#include "dns/dns.h"

/* An address to try. */
struct client_hop {
	const char *host; /* its name, or the address as text */
	struct net_address address;
	uint16_t preference;
	bool secure;           /* DNSSEC vouches for the address, and for the way to it */
	const char *canonical; /* the host's name behind its CNAMEs; NULL: no DNS was asked */
};

enum client_route_kind {
	CLIENT_BY_SMARTHOST,
	CLIENT_BY_MX,
	CLIENT_BY_ADDRESS, /* the implicit MX */
	CLIENT_BY_LITERAL,
	CLIENT_BY_HOST, /* "host:port" in the place of a domain: see client_choose_host_port() */
};

struct client_route {
	enum client_route_kind kind;
	struct client_hop *hops; /* in the order of trying */
	size_t count;
	const struct config_smarthost *smarthost; /* NULL: by MX */
	const struct config_smarthost *way;       /* the same, or a section route; or NULL */
	bool secure;                              /* every DNS answer on the way was validated */
	bool mx_secure;                           /* the one that names the hosts was */
	bool own;                                 /* hosts that are ours were left out */
};

enum { CLIENT_ROUTE_HOSTS_MAX = 20, CLIENT_ROUTE_HOPS_MAX = 40 };

/* How connections there are made (smarthost NULL: by MX), if the message asks for nothing else. */
enum config_tls_rule client_route_tls(const struct config *config,
                                      const struct config_smarthost *smarthost);

/* way: what client_choose() said; a final destination has no hops. 0, or a negative errno and
 * *outcome: 5.1.10 for a Null MX, 5.1.2 for a domain that does not exist, 5.4.6 when all ways lead
 * back to us, 5.4.4 when no host has an address, 4.4.3 when the DNS does not answer. Everything
 * lies in the arena. */
int client_route_find(struct dns *dns, const struct config *config, struct arena *arena,
                      const struct config_smarthost *way, struct slice domain, int64_t deadline,
                      struct client_route *out, struct smtp_outcome *outcome);

/* Orders MX records: by preference, equal ones shuffled; random_below is given for tests. */
void client_route_order(struct dns_mx *mx, size_t count, uint64_t (*random)(uint64_t bound));
/* Takes away the records of this host and all that are not better (RFC 5321 section 5.1): the
 * count that is left. is_own tells by name. mx is in order. */
size_t client_route_cut_own(const struct dns_mx *mx, size_t count, const char *own_name);

/* The families in turn, each in its order (RFC 8305 section 4): a host whose IPv6 is broken has an
 * IPv4 address as the second that is tried. */
void client_route_interleave(struct net_address *addresses, size_t count);

/* The addresses of a host as the system knows them (/etc/hosts included), for command-line
 * tools: "host", "host:port", "192.0.2.1", "[2001:db8::1]:25". 0, -ENOENT, -EAGAIN, -EINVAL. */
int client_resolve(struct arena *arena, struct slice server, uint16_t default_port,
                   struct client_hop **hops_out, size_t *count_out);

#endif
