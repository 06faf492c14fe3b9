/* Packed records: which of 256 UIDs exist, with their flags and MODSEQs, as bytes of one row.
 *
 * For each message, in the order of UIDs:
 *
 *     byte     (UID - 1) % 256
 *     varint   flags: the five system flags in the low bits, keywords above them
 *     varint   MODSEQ minus that of the message before it in the row (the first: minus 0), zigzag
 *
 * A varint is 7 bits a byte, the lowest first, the high bit set on all bytes but the last. So a
 * message takes mostly 3 bytes. Pure functions; the rows are read and written by
 * mailbox_rows.h. */
#ifndef VEREDUS_MAILBOX_MAILBOX_PACK_H
#define VEREDUS_MAILBOX_MAILBOX_PACK_H

#include "base/slice.h"

enum {
	PACK_UIDS = 256,
	/* No row is longer: offset, 61 bits of flags, 64 bits of MODSEQ. */
	PACK_BYTES_MAX = PACK_UIDS * (1 + 9 + 10),
};

struct flag_pack {
	uint32_t number; /* (UID - 1) / 256 of all of them */
	uint32_t count;
	uint64_t flags[PACK_UIDS];
	uint64_t mod_seqs[PACK_UIDS];
	uint8_t offsets[PACK_UIDS]; /* ascending */
};

static inline uint32_t pack_number(uint32_t uid) { return (uid - 1) / PACK_UIDS; }

static inline uint32_t pack_uid(const struct flag_pack *p, uint32_t index)
{
	return p->number * PACK_UIDS + p->offsets[index] + 1;
}

/* Fills *out but its number. -EBADMSG: these bytes are no packed record. */
int pack_decode(struct slice bytes, struct flag_pack *out);
/* Returns the bytes, in out. */
struct slice pack_encode(const struct flag_pack *p, char out[static PACK_BYTES_MAX]);

#endif
