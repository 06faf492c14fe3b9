/* The order of SORT (RFC 5256), for those that keep one. */
#ifndef VEREDUS_IMAP_IMAP_SORT_H
#define VEREDUS_IMAP_IMAP_SORT_H

#include "imap/imap_keys.h"
#include "imap/imap_parse_sort.h"
#include "imap/imap_seek.h"

union imap_sort_value;
struct imap_sort_entry {
	uint32_t seq, uid;
	uint64_t rank; /* the beginning of the first value: tells nearly all apart without a look at
	                  it */
	union imap_sort_value *values; /* one a key */
};

struct imap_sorter {
	const struct imap_sort *request;
	const struct imap_seek *seek; /* for RELEVANCY */
	struct arena *arena;          /* of values */
};

/* Which keys of messages are needed: of imap_each_keys(). */
unsigned imap_sort_wants(const struct imap_sort *request);
/* The values of a message, whose UID is there. Texts stay where they are. */
void imap_sort_fill(const struct imap_sorter *s, const struct imap_keys *keys,
                    struct imap_sort_entry *e);
/* All it sorts by is dates and sizes: then imap_sort_by_numbers() has the order. */
bool imap_sort_is_by_numbers(const struct imap_sort *request);
/* Puts messages, which are in the order of the mailbox, in that of the request. */
void imap_sort_by_numbers(const struct imap_sort *request, const struct imap_keys *keys,
                          uint32_t *order, size_t count);
/* For qsort_r(); arg is the request. */
int imap_sort_compare(const void *a, const void *b, void *arg);

/* Where, counted from 0, a message of the selected mailbox belongs among others that are in order;
 * UIDs. Those that have gone since are passed over. Other sessions have a turn. -ENOENT: it has
 * gone itself. */
int imap_sort_place(struct imap_session *s, const struct imap_sort *request, const uint32_t *order,
                    size_t count, uint32_t uid, size_t *place_out);

#endif
