/* Compressed records: the bytes of a blob as a zstd frame that knows its length and has a checksum
 * of what is in it. Any thread. */
#ifndef VEREDUS_STORE_SQUEEZE_H
#define VEREDUS_STORE_SQUEEZE_H

#include "base/arena.h"

enum {
	SQUEEZE_BYTES_MIN = 256,
	/* Larger ones are mostly attachments, which hardly shrink; and each partial FETCH would
	 * have to unpack all of it. */
	SQUEEZE_BYTES_MAX = 4 << 20,
	SQUEEZE_SAVES_PERCENT = 10, /* at least, or it stays as it is */
};

/* Keeps what zstd allocates for the next call. */
struct squeezer;
struct squeezer *squeezer_new(void);
void squeezer_free(struct squeezer *q);

/* False: it does not shrink. *out lies in the arena. */
bool squeeze(struct squeezer *q, struct arena *arena, struct slice bytes, struct slice *out);
/* The length of what is in a frame. -EBADMSG: it is none of ours. */
int squeeze_length(struct slice frame, uint64_t *length_out);
/* Into out, of exactly that length. -EBADMSG: damaged. */
int unsqueeze(struct squeezer *q, struct slice frame, char *out, uint64_t length);

#endif
