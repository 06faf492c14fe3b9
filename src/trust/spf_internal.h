/* What the files of spf.h share. */
#ifndef VEREDUS_TRUST_SPF_INTERNAL_H
#define VEREDUS_TRUST_SPF_INTERNAL_H

#include "dns/dns.h"
#include "trust/spf.h"

struct spf_run {
	struct arena *arena;
	const struct spf_question *q;
	int64_t deadline;          /* that of the question, or sooner */
	struct net_address client; /* without a port; never IPv4 as IPv6 */
	bool v6;
	struct spf_answer *answer;
	bool names_asked;                     /* for ptr and %{p}: once */
	const char *names[SPF_ADDRESSES_MAX]; /* that lead back to the client */
	size_t name_count;
};

/* Counts a term that asks the DNS; false: it is one too many. */
bool spf_count_lookup(struct spf_run *r);
/* Finds out which names lead back to the client. */
void spf_ask_names(struct spf_run *r);

/* A macro-string with its macros put in; domain: the current one. explanation: c, r and t are
 * known. False if it grows too long, or needs the DNS once too often. */
bool spf_expand(struct spf_run *r, struct slice text, struct slice domain, bool explanation,
                struct slice *out);
bool spf_is_below(struct slice name, struct slice domain);

#endif
