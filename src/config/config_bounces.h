/* The configuration of mail without a sender, section bounces: tags by which reports about our own
 * mail are known (route/batv.h), and what becomes of others. */
#ifndef VEREDUS_CONFIG_CONFIG_BOUNCES_H
#define VEREDUS_CONFIG_CONFIG_BOUNCES_H

#include <stddef.h>
#include <stdint.h>

/* Patterns in lower case. */
struct config_texts {
	const char **items;
	size_t count;
};

enum bounces_untagged { BOUNCES_UNTAGGED_REJECT, BOUNCES_UNTAGGED_SCORE };
enum bounces_several { BOUNCES_SEVERAL_LATER, BOUNCES_SEVERAL_SCORE, BOUNCES_SEVERAL_ACCEPT };

struct config_bounces {
	struct config_texts sign;      /* domains of ours */
	struct config_texts except;    /* addresses in them */
	struct config_texts plain_for; /* recipients, who get the plain sender */
	int64_t valid_ms, rotate_ms;
	int untagged;            /* enum bounces_untagged */
	int several;             /* enum bounces_several */
	const char *weight_text; /* as written */
	int weight;              /* hundredths */
};

#endif
