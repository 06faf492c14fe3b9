/* Where the bytes of a message are while it comes, or is made anew: in memory up to a limit, then
 * in a file that has no name, so that a disconnect, or a crash, leaves nothing behind.
 *
 * Bytes past max_bytes are counted and dropped. Trouble with the file is remembered and told at
 * the end, as the client is only then waiting for an answer. */
#ifndef VEREDUS_STORE_SPOOL_H
#define VEREDUS_STORE_SPOOL_H

#include "base/buf.h"

struct spool {
	struct buf memory;   /* all of it, or what is not in the file yet */
	uint64_t size_bytes; /* seen so far, dropped ones too */
	uint64_t max_bytes;
	const char *dir; /* the data directory; files are made in its folder tmp */
	int fd;          /* -1: no file */
	uint64_t file_bytes;
	int error; /* negative errno of the file */
	void *map;
};

/* expected_bytes: as declared, or 0; so much memory is set aside, if it is below the limit. */
void spool_create(struct spool *spool, const char *dir, size_t memory_bytes, uint64_t max_bytes,
                  uint64_t expected_bytes);
void spool_destroy(struct spool *spool);
/* A dot_sink (message/dotstuff.h). May park the fiber while it writes; outside of one, on a thread
 * of the pool, it just writes. Always 0. */
int spool_add(void *spool, struct slice run);
static inline bool spool_is_over(const struct spool *spool)
{
	return spool->size_bytes > spool->max_bytes;
}
/* All bytes, valid until the spool is destroyed; or the error that writing had, or -EFBIG if it is
 * over. */
int spool_view(struct spool *spool, struct slice *out);

#endif
