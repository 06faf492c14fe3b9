/* The resolver that section dns of the configuration asks for. */
#ifndef VEREDUS_CLI_CLI_DNS_H
#define VEREDUS_CLI_CLI_DNS_H

#include "config/config.h"
#include "dns/dns.h"

static inline struct dns_config cli_dns_config(const struct config *c)
{
	return (struct dns_config){
		.forwarder = c->dns.forwarder,
		.trust_anchor = c->dns.trust_anchor,
		.timeout_ms = c->dns.timeout_ms,
		.cache_bytes = c->dns.cache_bytes ? (int64_t)c->dns.cache_bytes : -1,
		.min_ttl_s = (uint32_t)(c->dns.min_ttl_ms / 1000),
		.max_ttl_s = (uint32_t)(c->dns.max_ttl_ms / 1000),
	};
}

#endif
