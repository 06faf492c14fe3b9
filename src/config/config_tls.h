/* The configuration of TLS towards other hosts. */
#ifndef VEREDUS_CONFIG_CONFIG_TLS_H
#define VEREDUS_CONFIG_CONFIG_TLS_H

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

struct config_place;
/* Also gives the domain its canonical form. */
void config_check_tls(const struct config_place *place, struct config_tls *minimum);

#endif
