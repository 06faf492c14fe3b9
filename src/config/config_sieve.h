/* The configuration of scripts that sort mail (sieve/sieve.h). */
#ifndef VEREDUS_CONFIG_CONFIG_SIEVE_H
#define VEREDUS_CONFIG_CONFIG_SIEVE_H

#include <stdbool.h>
#include <stdint.h>

struct config_sieve {
	bool enabled;
	const char *before, *after; /* paths of scripts that run for everybody; or NULL */
	const char *global;         /* the folder of scripts to include, and of lists; or NULL */
	uint64_t max_script_bytes;
	unsigned max_scripts; /* of an account */
	unsigned max_actions, max_redirects, max_instructions, max_nesting, max_includes;
	uint64_t max_memory_bytes;
	int64_t vacation_min_ms, vacation_max_ms, vacation_default_ms;
	int64_t redirect_again_ms; /* the same message to the same address */
	bool imap_events;          /* scripts run for what happens in mailboxes, too */
	unsigned max_imap_events;  /* messages of an account that wait for that */
};

#endif
