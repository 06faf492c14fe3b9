/* The client's messages of SCRAM (RFC 5802 section 7). Pure; slices of the message, or in the
 * arena. */
#ifndef VEREDUS_AUTH_SCRAM_MESSAGE_H
#define VEREDUS_AUTH_SCRAM_MESSAGE_H

#include "base/arena.h"

struct scram_first {
	char flag;            /* 'n': binds not, 'y': could, but we did not offer it, 'p': binds */
	struct slice binding; /* by what, with 'p': "tls-exporter" */
	struct slice authorize_as; /* empty: the same */
	struct slice name;
	struct slice nonce;
	struct slice header; /* all up to the message that is proved ... */
	struct slice bare;   /* ... which this is */
};
/* False: not SCRAM, or with an extension that must be understood. */
bool scram_parse_first(struct arena *a, struct slice message, struct scram_first *out);

struct scram_final {
	struct slice bound; /* the header again, and what it is bound to */
	struct slice nonce;
	struct slice proof;
	struct slice unproved; /* all before the proof */
};
bool scram_parse_final(struct arena *a, struct slice message, struct scram_final *out);

#endif
