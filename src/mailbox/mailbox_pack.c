#include "mailbox/mailbox_pack.h"

#include <errno.h>

#include "base/cursor.h"
#include "mailbox/mailbox.h"

enum { SYSTEM_FLAG_BITS = 5, SYSTEM_FLAGS = (1 << SYSTEM_FLAG_BITS) - 1 };

/* A mailbox of a million messages has two million, all of which its first SELECT waits for. */
static inline bool take_varint(struct cursor *c, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && !cursor_at_end(c); shift += 7) {
		char byte = *c->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

static size_t put_varint(char *out, uint64_t value)
{
	size_t len = 0;
	for (; value >= 0x80; value >>= 7)
		out[len++] = (char)(value | 0x80);
	out[len++] = (char)value;
	return len;
}

static uint64_t zigzag(int64_t value) { return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63); }

static uint64_t unzigzag(uint64_t value) { return (value >> 1) ^ -(value & 1); }

int pack_decode(struct slice bytes, struct flag_pack *out)
{
	struct cursor c = cursor_of(bytes);
	uint64_t mod_seq = 0, flags, delta;
	uint32_t count = 0;

	while (!cursor_at_end(&c)) {
		char offset = *c.at++;
		if (count == PACK_UIDS || !take_varint(&c, &flags) || !take_varint(&c, &delta))
			return -EBADMSG;
		if (count > 0 && (uint8_t)offset <= out->offsets[count - 1])
			return -EBADMSG;
		mod_seq += unzigzag(delta);
		out->offsets[count] = (uint8_t)offset;
		out->flags[count] = (flags & SYSTEM_FLAGS) | (flags >> SYSTEM_FLAG_BITS)
		                                                     << FLAG_KEYWORD_SHIFT;
		out->mod_seqs[count] = mod_seq;
		count++;
	}
	out->count = count;
	return 0;
}

struct slice pack_encode(const struct flag_pack *p, char out[static PACK_BYTES_MAX])
{
	uint64_t before = 0;
	size_t len = 0;
	for (uint32_t i = 0; i < p->count; i++) {
		uint64_t flags = p->flags[i];
		out[len++] = (char)p->offsets[i];
		len += put_varint(out + len, (flags & SYSTEM_FLAGS) | (flags >> FLAG_KEYWORD_SHIFT)
		                                                              << SYSTEM_FLAG_BITS);
		len += put_varint(out + len, zigzag((int64_t)(p->mod_seqs[i] - before)));
		before = p->mod_seqs[i];
	}
	return slice_of(out, len);
}
