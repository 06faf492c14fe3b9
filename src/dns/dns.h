/* DNS over libunbound, with DNSSEC status. Answers are cached by libunbound for their TTL. */
#ifndef VEREDUS_DNS_DNS_H
#define VEREDUS_DNS_DNS_H

#include "base/arena.h"
#include "net/address.h"

struct dns;

struct dns_config {
	const char *forwarder;    /* "127.0.0.1@5353"; NULL: /etc/resolv.conf; "" : resolve from the
				     root ourselves */
	const char *trust_anchor; /* a file with DS or DNSKEY records; NULL: the distribution's root
				     key if it is there, else no validation */
	int64_t timeout_ms;       /* for one lookup, tries included */
};

/* [any thread] */
int dns_open(const struct dns_config *config, struct dns **out);
void dns_close(struct dns *d);

/* What an answer is worth. Lookups return 0 when there are records, or:
 *   -ENOENT     the name does not exist (NXDOMAIN)
 *   -ENODATA    the name exists but has no such records
 *   -EAGAIN     no answer now (time-out, SERVFAIL): try later
 *   -EBADMSG    DNSSEC says that the answer is forged: treat like -EAGAIN, never as an answer
 *   -EINVAL     no valid name
 * Besides, the usual results of a wait. */
enum dns_security {
	DNS_INSECURE, /* not signed, or not validated */
	DNS_SECURE,   /* validated */
};

struct dns_answer {
	enum dns_security security; /* also set for -ENOENT and -ENODATA */
	uint32_t ttl;               /* seconds */
	const char *canonical_name; /* after CNAMEs; equals the question if there were none */
	size_t count;
	union {
		struct dns_mx { uint16_t preference; const char *host; } *mx; /* by preference */
		struct net_address *addresses;                                /* port 0 */
		struct slice *texts;                                          /* TXT, strings joined */
		const char **names;                                           /* PTR, CNAME */
		struct dns_tlsa { uint8_t usage, selector, matching; struct slice data; } *tlsa;
	};
};

/* Everything returned lies in the arena. Names are ASCII (A-labels), with or without the final
 * dot; returned names have none ("" is the root, as in a Null MX) and are in lower case. */
int dns_mx(struct dns *d, struct arena *a, const char *name, int64_t deadline, struct dns_answer *out);
/* A and AAAA, both asked at once; IPv6 first. */
int dns_addresses(struct dns *d, struct arena *a, const char *name, int64_t deadline, struct dns_answer *out);
int dns_txt(struct dns *d, struct arena *a, const char *name, int64_t deadline, struct dns_answer *out);
int dns_tlsa(struct dns *d, struct arena *a, const char *name, int64_t deadline, struct dns_answer *out);
int dns_ptr(struct dns *d, struct arena *a, const struct net_address *address, int64_t deadline, struct dns_answer *out);

#endif
