/* Compound files ([MS-CFB]), which documents of old Office programs, installers and encrypted new
 * ones are: a small file system with storages and streams. A bounded reader of its directory, and
 * of streams that are not small, for what should not be let in. Pure; a file that lies about itself
 * costs time in proportion to its size at most. */
#ifndef VEREDUS_GUARD_CFB_H
#define VEREDUS_GUARD_CFB_H

#include "base/buf.h"

enum { CFB_ENTRIES_MAX = 10000, CFB_NAME_MAX = 32 };

struct cfb {
	struct slice bytes;
	size_t sector_bytes;
	uint32_t first_directory, small_max;
};

struct cfb_entry {
	char name[CFB_NAME_MAX + 1]; /* what is no ASCII is '?' */
	bool is_storage;
	struct slice class_id; /* 16 bytes */
	uint32_t first;        /* sector */
	uint64_t len;
};

/* False: it is none. */
bool cfb_open(struct slice bytes, struct cfb *out);
/* Calls for each entry in use; false ends it. */
void cfb_each(const struct cfb *c, bool (*visit)(void *arg, const struct cfb_entry *entry),
              void *arg);
/* Its first bytes, as many as `out` may hold; none of a stream that is small ([MS-CFB] 2.4), or
 * beyond where the file is damaged. */
void cfb_read(const struct cfb *c, const struct cfb_entry *entry, struct buf *out);

#endif
