/* Policies of domains, found by the tree walk, and who belongs to whom: RFC 9989 sections 4.4 and
 * 4.10.
 *
 *     dmarc_walk_first()   asks the author's domain
 *     dmarc_walk_rest()    asks those above it, at most eight in all
 *     dmarc_aligned()      does another domain belong to the same organization?
 *
 * The whole walk is only made if it is needed: mostly the author's domain has a record, and is the
 * one that has signed. All of these park the fiber. */
#ifndef VEREDUS_TRUST_DMARC_H
#define VEREDUS_TRUST_DMARC_H

#include "base/arena.h"
#include "trust/dmarc_record.h"

struct dns;

enum { DMARC_QUERIES_MAX = 8, DMARC_ALIGNMENTS_MAX = 4 };

struct dmarc_walk {
	struct arena *arena;
	struct dns *dns;
	int64_t deadline;
	struct slice author; /* canonical */
	struct dmarc_step {
		struct slice domain;
		bool found;
		struct slice text;
		struct dmarc_record record;
	} steps[DMARC_QUERIES_MAX];
	size_t count;
	bool complete;
	bool failed;     /* the DNS did not answer, so nothing can be said */
	unsigned others; /* other domains that were walked for */
};

void dmarc_walk_first(struct dmarc_walk *w);
void dmarc_walk_rest(struct dmarc_walk *w);
/* The one that holds; NULL: there is none, or it asks for nothing. After the first step if that has
 * a record, else after the rest. */
const struct dmarc_step *dmarc_walk_policy(const struct dmarc_walk *w);
/* The organization's domain; after the rest. */
struct slice dmarc_walk_organization(const struct dmarc_walk *w);
/* Walks on if need be. */
bool dmarc_aligned(struct dmarc_walk *w, struct slice domain, bool strict);
/* Does the author's domain exist? True if the DNS does not say. */
bool dmarc_author_exists(struct dmarc_walk *w);

#endif
