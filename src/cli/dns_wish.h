/* `veredus dns`: the records that a domain of ours should have in the DNS, and whether it has.
 *
 *     dns_wishes_make()    what to publish, from the configuration, certificates and DKIM keys
 *     dns_wishes_check()   what is there; on a fiber
 *
 * A wish is one record. Its value is what to publish if nothing is there; something else may do as
 * well (another policy of DMARC, a longer SPF record), and the check says so. */
#ifndef VEREDUS_CLI_DNS_WISH_H
#define VEREDUS_CLI_DNS_WISH_H

#include <jansson.h>

#include "config/config.h"
#include "dns/dns.h"

enum dns_wish_kind {
	DNS_WISH_ADDRESS,
	DNS_WISH_PTR,
	DNS_WISH_TLSA,
	DNS_WISH_MX,
	DNS_WISH_SPF,
	DNS_WISH_DKIM,
	DNS_WISH_DMARC,
	DNS_WISH_TLSRPT,
	DNS_WISH_STS,
	DNS_WISH_SRV,
};

enum dns_wish_state {
	DNS_WISH_UNASKED,
	DNS_WISH_GOOD,
	DNS_WISH_MISSING,
	DNS_WISH_ABSENT, /* the same of what is not needed */
	DNS_WISH_WRONG,
	DNS_WISH_UNKNOWN, /* the DNS does not answer */
};

struct dns_wish {
	enum dns_wish_kind kind;
	bool is_needed;
	const char *name, *type; /* without the final dot */
	const char *value;  /* as in a zone file; of TXT without quotes; NULL: not known here */
	const char *why;    /* one line */
	const char *domain; /* that it is for; the host's name if it is for all */
	uint16_t port;      /* of a SRV record */
	bool by_smarthost;  /* SPF: another host sends, whose addresses are not known here */
	/* from the check */
	enum dns_wish_state state;
	const char *found; /* what is there, or NULL */
	const char *text;  /* what is wrong, or to be known, or NULL */
	struct dns_wish *next;
};

struct dns_wishes {
	struct arena *arena;
	const struct config *config;
	struct dns_wish *first, **end;
};

void dns_wishes_begin(struct arena *arena, const struct config *config, struct dns_wishes *out);
/* Those of this host. */
void dns_wishes_add_host(struct dns_wishes *w);
/* Those of a domain. keys: what dkim.list says of it. */
void dns_wishes_add_domain(struct dns_wishes *w, const char *domain, const json_t *keys);
/* One more, behind the last. */
struct dns_wish *dns_wish_add(struct dns_wishes *w, const struct dns_wish *wish);

/* Asks for each, and for what is found out on the way: addresses lead back to the host. [fiber] */
void dns_wishes_check(struct dns_wishes *w, struct dns *dns);

/* A line of a zone file: "example.org. IN MX 10 mx.example.org."; TXT in strings that are short
 * enough. */
void dns_wish_print_record(const char *name, const char *type, const char *value);

#endif
