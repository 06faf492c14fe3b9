/* What a host must show before it gets mail for a domain: by DANE (RFC 7672), by MTA-STS (RFC
 * 8461), by the operator's `tls` sections, or nothing at all.
 *
 *     tls_policy_find_domain()   once for a domain, what holds for all of its hosts
 *     tls_policy_wants_sts()     if so, sts_find() or sts_ask(), and domain.sts is set to that
 *     tls_policy_find_host()     for each host, before it is connected to
 *
 * What was published is an obligation: a host that does not live up to it gets nothing, the next
 * one is tried, and the mail waits if there is none. Falling back would help whoever is in the way.
 * Only a host of which nothing is known is spoken to without TLS, or with any certificate. */
#ifndef VEREDUS_CLIENT_TLS_POLICY_H
#define VEREDUS_CLIENT_TLS_POLICY_H

#include "client/client_route.h"
#include "client/sts.h"

enum tls_policy_kind {
	TLS_POLICY_NONE,       /* opportunistic */
	TLS_POLICY_CONFIGURED, /* a smarthost, a section tls, or what the message asks for */
	TLS_POLICY_STS,
	TLS_POLICY_DANE,
};
/* "none", "configured", "sts", "dane" */
const char *tls_policy_name(enum tls_policy_kind kind);

/* Beside the domain, what a message may ask for (RFC 8689). */
enum tls_policy_demand {
	TLS_DEMAND_USUAL,
	TLS_DEMAND_VERIFIED, /* REQUIRETLS: nothing below a certificate that was checked */
	TLS_DEMAND_IGNORE,   /* TLS-Required: No: whatever was published */
};

struct tls_policy_domain {
	struct dns *dns;
	const struct config *config;
	struct slice domain;
	enum tls_policy_demand demand;
	const struct config_tls *minimum; /* NULL: none */
	const struct sts_found *sts;      /* NULL: none */
	/* Of the route. */
	const struct config_smarthost *smarthost;
	enum client_route_kind kind;
	bool mx_secure;
};

/* The TLSA records of a host. */
struct tls_policy_dane {
	const char *base; /* whose they are: "mx.example.test" */
	uint16_t port;
	struct tls_association *records; /* all of them */
	size_t count, usable;
};

struct tls_policy {
	enum tls_policy_kind kind;
	enum config_tls_rule rule;
	struct tls_wish wish;
	struct tls_policy_dane dane; /* count 0: none */
	const char *why;             /* one line: what it is, or why it is not more */
	/* An MTA-STS policy in testing mode holds: mail goes whatever comes of it, and this is what
	 * it would ask for. */
	bool testing, testing_has_host;
	const char *refused; /* with an error: which failure of RFC 8460 section 4.3 that is */
};

/* Everything returned lies in the arena. */
void tls_policy_find_domain(struct dns *dns, const struct config *config,
                            const struct client_route *route, struct slice domain,
                            enum tls_policy_demand demand, struct tls_policy_domain *out);
bool tls_policy_wants_sts(const struct tls_policy_domain *d);
/* 0; or a negative errno and *outcome: the host gets nothing now, since it can't be known what it
 * must show (4.7.5), or since it shows less than the operator asks for (4.7.5). */
int tls_policy_find_host(const struct tls_policy_domain *d, const struct client_hop *hop,
                         struct arena *arena, int64_t deadline, struct tls_policy *out,
                         struct smtp_outcome *outcome);

/* "3 1 1 8d02536c887482bc..." */
const char *tls_association_text(struct arena *arena, const struct tls_association *a);

#endif
