/* Looking into archives, by libarchive: each member with its bytes, as long as there is anything
 * left of what a message may cost. Nothing is written anywhere. Pure; on the thread pool. */
#ifndef VEREDUS_GUARD_UNPACK_H
#define VEREDUS_GUARD_UNPACK_H

#include "guard/sniff.h"

/* What is left for all archives of a message, those inside of others included. */
struct unpack_budget {
	uint64_t bytes;
	unsigned members;
};

struct unpack_member {
	struct slice name;  /* as it stands there; empty: the file has none */
	struct slice bytes; /* valid while it is visited; none if it is encrypted */
};

struct unpack_result {
	bool encrypted; /* something in it is, or all of it */
	bool beyond;    /* the budget ended before it did */
	bool damaged;   /* it ended before it should, or can't be read */
	uint64_t bytes; /* that came out of it */
};

typedef void (*unpack_visit)(void *arg, const struct unpack_member *member);
void unpack_each(struct slice bytes, enum sniff_kind kind, struct unpack_budget *budget,
                 unpack_visit visit, void *arg, struct unpack_result *out);

#endif
