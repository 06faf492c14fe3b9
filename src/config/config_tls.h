/* The configuration of TLS towards other hosts. */
#ifndef VEREDUS_CONFIG_CONFIG_TLS_H
#define VEREDUS_CONFIG_CONFIG_TLS_H

#include <stdbool.h>
#include <stdint.h>

/* The least that mail for a domain (or "*") asks of TLS on its way to the domain's MX. */
enum config_tls_level {
	TLS_LEVEL_NONE,          /* never TLS */
	TLS_LEVEL_OPPORTUNISTIC, /* whatever the domain publishes */
	TLS_LEVEL_REQUIRED,      /* or what the domain publishes, if that is more */
	TLS_LEVEL_VERIFIED,      /* likewise */
	TLS_LEVEL_DANE,          /* TLSA records, or nothing is sent */
};
enum config_tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };
struct config_tls {
	const char *domain; /* lower-case A-labels, or "*" */
	enum config_tls_level level;
	enum config_tls_version oldest;
};

/* Fetching the policies of other domains: RFC 8461. */
struct config_mta_sts {
	bool enabled;
	uint16_t port;  /* 443, but for tests */
	const char *ca; /* NULL: the system's */
	int64_t timeout_ms, refresh_ms;
};

struct config_place;
/* Also gives the domain its canonical form. */
void config_check_tls(const struct config_place *place, struct config_tls *minimum);

#endif
