/* How views are made, for the files of this folder alone. */
#ifndef VEREDUS_MAILBOX_MAILBOX_CHUNK_H
#define VEREDUS_MAILBOX_MAILBOX_CHUNK_H

#include <endian.h>
#include <stdatomic.h>

#include "mailbox/mailbox_pack.h"
#include "mailbox/mailbox_view.h"

/* One allocation. A chunk with the number and MODSEQ of a row has that row's messages; one that
 * mailbox_view_keep() made has MODSEQ 0 and is like no row. */
struct mailbox_chunk {
	atomic_uint refs;
	uint32_t number;
	uint32_t count; /* > 0 */
	uint32_t unseen;
	uint64_t mod_seq;
	uint64_t flags_base, mod_seq_base; /* what all messages have at least */
	uint8_t flags_width;               /* bytes of each message's flags: 0, 1, 2, 4, 8 */
	uint8_t mod_seq_width;             /* of its MODSEQ above the base */
	uint8_t *flags;
	uint8_t *mod_seqs;
	uint8_t *offsets;
	uint8_t data[];
};

/* A mailbox of a million messages has 4,000 chunks, most of which have messages with the same few
 * flags that came one after another: two or three bytes each, not seventeen. */
static inline uint64_t chunk_value(const uint8_t *values, unsigned width, uint32_t index)
{
	uint64_t value = 0;
	memcpy(&value, values + (size_t)index * width, width);
	return le64toh(value);
}

static inline uint64_t chunk_flags(const struct mailbox_chunk *c, uint32_t index)
{
	return c->flags_base | chunk_value(c->flags, c->flags_width, index);
}

static inline uint64_t chunk_mod_seq(const struct mailbox_chunk *c, uint32_t index)
{
	return c->mod_seq_base + chunk_value(c->mod_seqs, c->mod_seq_width, index);
}

/* With one reference. */
struct mailbox_chunk *chunk_new(const struct flag_pack *p, uint64_t mod_seq);
struct mailbox_chunk *chunk_retain(struct mailbox_chunk *c);
void chunk_release(struct mailbox_chunk *c);

static inline uint32_t chunk_uid(const struct mailbox_chunk *c, uint32_t index)
{
	return c->number * PACK_UIDS + c->offsets[index] + 1;
}

static inline uint32_t chunk_first_uid(uint32_t number) { return number * PACK_UIDS + 1; }

/* The index of the first message with an offset of at least that; count if none. */
uint32_t chunk_find(const struct mailbox_chunk *c, uint32_t offset);

/* A view that is being made, chunk by chunk in the order of their numbers. */
struct view_builder {
	struct mailbox_view_chunk *chunks;
	size_t count, capacity;
	uint32_t messages, unseen;
};
/* Takes over the caller's reference. */
void view_builder_add(struct view_builder *b, struct mailbox_chunk *chunk);
/* A view with one reference; fields of the mailbox, its keywords (a reference is taken over; NULL
 * for none) and chunk array are given. The builder is empty afterwards. */
struct mailbox_view *view_builder_end(struct view_builder *b, const struct mailbox_view *fields);
void view_builder_drop(struct view_builder *b);

/* Keywords, shared by the views that have the same. */
struct keyword_table {
	struct mailbox_keywords keywords;
	atomic_uint refs;
	char text[];
};
/* A copy of the names; NULL if there are none. */
const struct mailbox_keywords *keywords_new(const struct mailbox_keywords *from);
const struct mailbox_keywords *keywords_retain(const struct mailbox_keywords *k);
void keywords_release(const struct mailbox_keywords *k);
bool keywords_equal(const struct mailbox_keywords *a, const struct mailbox_keywords *b);

#endif
