#include "mailbox/mailbox_chunk.h"

/* --- chunks -------------------------------------------------------------------------- */

/* Bytes that hold any of the values of which these are the bits. */
static uint8_t width_of(uint64_t bits)
{
	return bits == 0            ? 0
	       : bits <= UINT8_MAX  ? 1
	       : bits <= UINT16_MAX ? 2
	       : bits <= UINT32_MAX ? 4
	                            : 8;
}

static void put_values(uint8_t *out, unsigned width, const uint64_t *values, uint32_t count)
{
	/* Nearly all; the loop has no call in it. */
	for (uint32_t i = 0; i < count && width == 1; i++)
		out[i] = (uint8_t)values[i];
	for (uint32_t i = 0; i < count && width > 1; i++) {
		uint64_t value = htole64(values[i]);
		memcpy(out + (size_t)i * width, &value, width);
	}
}

struct mailbox_chunk *chunk_new(const struct flag_pack *p, uint64_t mod_seq)
{
	uint64_t flags_base = ~UINT64_C(0), mod_seq_base = UINT64_MAX, flags = 0, above = 0;
	uint64_t own_flags[PACK_UIDS], own_mod_seqs[PACK_UIDS];
	for (uint32_t i = 0; i < p->count; i++) {
		flags_base &= p->flags[i];
		mod_seq_base = p->mod_seqs[i] < mod_seq_base ? p->mod_seqs[i] : mod_seq_base;
	}
	for (uint32_t i = 0; i < p->count; i++) {
		own_flags[i] = p->flags[i] & ~flags_base;
		own_mod_seqs[i] = p->mod_seqs[i] - mod_seq_base;
		flags |= own_flags[i];
		above |= own_mod_seqs[i];
	}
	uint8_t flags_width = width_of(flags), mod_seq_width = width_of(above);
	size_t per_message = flags_width + mod_seq_width + 1u;
	struct mailbox_chunk *c = mem_alloc(sizeof(*c) + p->count * per_message);

	atomic_init(&c->refs, 1);
	c->number = p->number;
	c->count = p->count;
	c->mod_seq = mod_seq;
	c->unseen = 0;
	c->flags_base = flags_base;
	c->mod_seq_base = mod_seq_base;
	c->flags_width = flags_width;
	c->mod_seq_width = mod_seq_width;
	c->flags = c->data;
	c->mod_seqs = c->flags + (size_t)p->count * flags_width;
	c->offsets = c->mod_seqs + (size_t)p->count * mod_seq_width;
	put_values(c->flags, flags_width, own_flags, p->count);
	put_values(c->mod_seqs, mod_seq_width, own_mod_seqs, p->count);
	for (uint32_t i = 0; i < p->count; i++)
		c->unseen += !(p->flags[i] & FLAG_SEEN);
	memcpy(c->offsets, p->offsets, p->count);
	return c;
}

struct mailbox_chunk *chunk_retain(struct mailbox_chunk *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void chunk_release(struct mailbox_chunk *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		free(c);
}

uint32_t chunk_find(const struct mailbox_chunk *c, uint32_t offset)
{
	uint32_t low = 0, high = c->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (c->offsets[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* --- keywords ------------------------------------------------------------------------ */

static struct keyword_table *table_of(const struct mailbox_keywords *k)
{
	return (struct keyword_table *)(uintptr_t)k;
}

const struct mailbox_keywords *keywords_new(const struct mailbox_keywords *from)
{
	size_t bytes = 0, used = 0;
	for (size_t i = 0; i < from->count; i++)
		bytes += from->names[i].len;
	if (bytes == 0)
		return NULL;
	struct keyword_table *t = mem_alloc(sizeof(*t) + bytes);
	*t = (struct keyword_table){ .keywords = *from };
	atomic_init(&t->refs, 1);
	for (size_t i = 0; i < from->count; i++) {
		if (from->names[i].len == 0)
			continue;
		memcpy(t->text + used, from->names[i].data, from->names[i].len);
		t->keywords.names[i].data = t->text + used;
		used += from->names[i].len;
	}
	return &t->keywords;
}

const struct mailbox_keywords *keywords_retain(const struct mailbox_keywords *k)
{
	if (k)
		atomic_fetch_add_explicit(&table_of(k)->refs, 1, memory_order_relaxed);
	return k;
}

void keywords_release(const struct mailbox_keywords *k)
{
	if (k && atomic_fetch_sub_explicit(&table_of(k)->refs, 1, memory_order_acq_rel) == 1)
		free(table_of(k));
}

bool keywords_equal(const struct mailbox_keywords *a, const struct mailbox_keywords *b)
{
	if (!a || !b)
		return (a ? a->count : 0) == (b ? b->count : 0);
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!slice_equal(a->names[i], b->names[i]))
			return false;
	}
	return true;
}

/* --- building ------------------------------------------------------------------------ */

void view_builder_add(struct view_builder *b, struct mailbox_chunk *chunk)
{
	if (b->count == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 8;
		b->chunks = mem_grow(b->chunks, b->capacity * sizeof(*b->chunks));
	}
	b->chunks[b->count++] = (struct mailbox_view_chunk){ chunk, b->messages };
	b->messages += chunk->count;
	b->unseen += chunk->unseen;
}

struct mailbox_view *view_builder_end(struct view_builder *b, const struct mailbox_view *fields)
{
	struct mailbox_view *v = mem_alloc(sizeof(*v));
	*v = (struct mailbox_view){
		.mailbox_id = fields->mailbox_id,
		.viewer = fields->viewer,
		.uid_validity = fields->uid_validity,
		.uid_next = fields->uid_next,
		.recent_uid = fields->recent_uid,
		.mod_seq = fields->mod_seq,
		.count = b->messages,
		.unseen_count = b->unseen,
		.keywords = fields->keywords,
		.chunk_count = b->count,
		.chunks = b->chunks,
	};
	atomic_init(&v->refs, 1);
	*b = (struct view_builder){ 0 };
	return v;
}

void view_builder_drop(struct view_builder *b)
{
	for (size_t i = 0; i < b->count; i++)
		chunk_release(b->chunks[i].chunk);
	free(b->chunks);
	*b = (struct view_builder){ 0 };
}
