/* The configuration of who is trusted to have sent what (trust/trust.h). */
#ifndef VEREDUS_CONFIG_CONFIG_TRUST_H
#define VEREDUS_CONFIG_CONFIG_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* Whose mail is signed. */
enum config_sign { CONFIG_SIGN_NOBODY, CONFIG_SIGN_USERS, CONFIG_SIGN_TRUSTED };

/* How far it goes what DMARC asks for. */
enum config_dmarc { CONFIG_DMARC_REPORT, CONFIG_DMARC_QUARANTINE, CONFIG_DMARC_APPLY };

struct config_trust {
	bool verify;             /* mail of strangers is checked */
	const char *authserv_id; /* NULL: the hostname */
	int64_t timeout_ms;      /* for all that is asked of the DNS about one message */
	unsigned max_signatures; /* that are verified */
	bool partial_body;       /* l= may leave a part of the body unsigned */
	bool domainkeys;         /* RFC 4870 */
	bool spf, spf_helo;
	unsigned spf_lookups, spf_void_lookups;
	bool received_spf;
	bool dmarc;
	enum config_dmarc dmarc_policy;
	int dmarc_hold; /* 1: into the quarantine, else into Junk */
	enum config_sign sign;
	bool seal;                    /* what aliases send on to other hosts */
	const char **trusted_sealers; /* domains, in lower case */
	size_t trusted_sealer_count;
	int64_t keep_old_keys_ms; /* after another signs in its place */
};

#endif
