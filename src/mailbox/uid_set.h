/* Sets of UIDs (or of sequence numbers): sorted, disjoint, merged ranges.
 *
 * The ranges lie in an arena; a set needs no freeing. Zero-initialised it is the empty set. */
#ifndef VEREDUS_MAILBOX_UID_SET_H
#define VEREDUS_MAILBOX_UID_SET_H

#include "base/arena.h"
#include "base/buf.h"

struct uid_range {
	uint32_t first, last; /* both are in it; first <= last; first > 0 */
};

struct uid_set {
	struct uid_range *ranges;
	size_t count, capacity;
};

/* All UIDs there can be. */
#define UID_SET_ALL ((struct uid_set){ .ranges = &(struct uid_range){ 1, UINT32_MAX }, .count = 1 })

/* Adds a range (ends in any order) in O(1) if it comes in ascending order; otherwise
 * uid_set_sort() must be called before the set is used. */
void uid_set_add(struct arena *arena, struct uid_set *set, uint32_t first, uint32_t last);
void uid_set_sort(struct uid_set *set);
/* The index of the first range that does not lie wholly below uid; set->count if none. */
size_t uid_set_find(const struct uid_set *set, uint32_t uid);
bool uid_set_has(const struct uid_set *set, uint32_t uid);
/* How many numbers are in it. */
uint64_t uid_set_size(const struct uid_set *set);
/* Appends "1:3,7". */
int uid_set_write(const struct uid_set *set, struct buf *out);
/* Adds what uid_set_write() wrote. -EBADMSG: it was not written by that. */
int uid_set_read(struct arena *arena, struct uid_set *set, struct slice text);
/* What is in both; what is in the first alone. Of sorted sets, into the arena. */
struct uid_set uid_set_common(struct arena *arena, const struct uid_set *a,
                              const struct uid_set *b);
struct uid_set uid_set_without(struct arena *arena, const struct uid_set *a,
                               const struct uid_set *b);

#endif
