/* A database beside the store's own, for what can be made again from it (an index).
 *
 * Closures as in store.h, but run at once and on the calling thread. It takes no part in what a
 * commit of the store promises: a power cut may undo its last changes, never a half of one. Opened
 * for as long as it is needed; one thread at a time, and as many at once as like. */
#ifndef VEREDUS_STORE_SIDE_H
#define VEREDUS_STORE_SIDE_H

#include "store/store.h"

struct side;

struct side_config {
	const char *path;
	int version;        /* of the schema, above 0; raised when what it means changes */
	const char *schema; /* statements that make it */
	bool change;        /* it is made if there is none, and may be changed */
};
/* -ENOENT: there is none. -EPROTO: it has another version. -EIO: damaged, or the disk is. After
 * the last two side_remove() helps. */
int side_open(const struct side_config *config, struct side **out);
void side_close(struct side *side);
int side_read(struct side *side, store_fn fn, void *arg);
int side_change(struct side *side, store_fn fn, void *arg);
/* With what belongs to it. Who has it open keeps it. */
void side_remove(const char *path);
/* What it takes on disk; 0: there is none. */
uint64_t side_bytes(const char *path);

#endif
