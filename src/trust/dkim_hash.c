#include "trust/dkim_hash.h"

#include <openssl/evp.h>

#include "message/header.h"

void dkim_hash_begin(struct dkim_hash *h, enum dkim_algorithm algorithm)
{
	h->context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(h->context, algorithm == DKIM_RSA_SHA1 ? EVP_sha1() : EVP_sha256(), NULL);
}

void dkim_hash_add(void *hash, struct slice piece)
{
	const struct dkim_hash *h = hash;
	EVP_DigestUpdate(h->context, piece.data, piece.len);
}

void dkim_hash_end(struct dkim_hash *h, struct dkim_digest *out)
{
	unsigned len = 0;
	EVP_DigestFinal_ex(h->context, out->bytes, &len);
	out->len = len;
	EVP_MD_CTX_free(h->context);
	h->context = NULL;
}

/* --- the header -------------------------------------------------------------------------- */

static unsigned bucket_of(struct slice name)
{
	unsigned sum = (unsigned)name.len;
	for (size_t i = 0; i < name.len; i++)
		sum = sum * 31 + (unsigned char)byte_lower(name.data[i]);
	return sum % DKIM_BUCKETS;
}

static size_t count_fields(struct slice message, size_t max)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	size_t count = 0;
	while (count < max && header_next(&walk, &field))
		count++;
	return count;
}

void dkim_header_index(struct arena *arena, struct slice message, size_t max_bytes,
                       struct dkim_header *out)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	size_t bytes = 0, room = count_fields(message, DKIM_FIELDS_MAX);
	*out = (struct dkim_header){ .round = 1 };
	out->fields = ARENA_ARRAY(arena, room + 1, struct dkim_field);
	while (header_next(&walk, &field)) {
		bytes += field.whole.len;
		out->cut |= out->count == room || bytes > max_bytes;
		if (out->cut)
			break;
		unsigned *lowest = &out->lowest[bucket_of(field.name)];
		out->fields[out->count++] = (struct dkim_field){ .name = field.name,
			                                         .whole = field.whole,
			                                         .above = *lowest };
		*lowest = (unsigned)out->count;
	}
	out->body = walk.rest;
}

const struct dkim_field *dkim_header_take(struct dkim_header *h, struct slice name)
{
	for (unsigned at = h->lowest[bucket_of(name)]; at > 0; at = h->fields[at - 1].above) {
		struct dkim_field *f = &h->fields[at - 1];
		if (f->used != h->round && slice_equal_nocase(f->name, name)) {
			f->used = h->round;
			return f;
		}
	}
	return NULL;
}

void dkim_header_rewind(struct dkim_header *h) { h->round++; }

struct slice dkim_unsigned_field(struct arena *arena, struct slice field,
                                 const struct dkim_signature *s)
{
	const struct slice parts[] = { slice_sub(field, 0, s->bytes_at),
		                       slice_from(field, s->bytes_at + s->bytes_len) };
	struct slice whole = arena_concat(arena, parts, 2);
	/* It is signed without a line end. */
	while (whole.len > 0 &&
	       (whole.data[whole.len - 1] == '\r' || whole.data[whole.len - 1] == '\n'))
		whole.len--;
	return whole;
}

void dkim_header_digest(struct arena *arena, struct dkim_header *h, struct slice field,
                        const struct dkim_signature *s, struct dkim_digest *out)
{
	struct dkim_hash hash;
	dkim_hash_begin(&hash, s->algorithm);
	dkim_header_rewind(h);
	for (size_t i = 0; i < s->name_count; i++) {
		const struct dkim_field *f = dkim_header_take(h, s->names[i]);
		if (!f)
			continue; /* that there is none is signed, too */
		dkim_canon_field(s->header_canon, f->whole, dkim_hash_add, &hash);
		dkim_hash_add(&hash, SLICE("\r\n"));
	}
	dkim_canon_field(s->header_canon, dkim_unsigned_field(arena, field, s), dkim_hash_add,
	                 &hash);
	dkim_hash_end(&hash, out);
}

/* --- the body ---------------------------------------------------------------------------- */

int dkim_bodies_want(struct dkim_bodies *b, const struct dkim_signature *s)
{
	uint64_t length = s->has_length ? s->length : UINT64_MAX;
	bool sha1 = s->algorithm == DKIM_RSA_SHA1;
	for (size_t i = 0; i < b->count; i++) {
		const struct dkim_body_hash *item = &b->items[i];
		if (item->canon == s->body_canon && item->length == length &&
		    (item->algorithm == DKIM_RSA_SHA1) == sha1)
			return (int)i;
	}
	if (b->count == DKIM_BODIES_MAX)
		return -1;
	b->items[b->count] = (struct dkim_body_hash){
		.canon = s->body_canon, .algorithm = s->algorithm, .length = length, .left = length
	};
	return (int)b->count++;
}

static void add_to_form(struct dkim_bodies *b, enum dkim_canon canon, struct slice piece)
{
	for (size_t i = 0; i < b->count; i++) {
		struct dkim_body_hash *item = &b->items[i];
		if (item->canon != canon)
			continue;
		struct slice part = piece;
		if (part.len > item->left)
			part.len = (size_t)item->left;
		if (item->length != UINT64_MAX)
			item->left -= part.len;
		dkim_hash_add(&item->hash, part);
	}
}

static void add_simple(void *arg, struct slice piece) { add_to_form(arg, DKIM_SIMPLE, piece); }
static void add_relaxed(void *arg, struct slice piece) { add_to_form(arg, DKIM_RELAXED, piece); }

void dkim_bodies_begin(struct dkim_bodies *b, struct arena *arena)
{
	static dkim_sink *const sinks[] = { add_simple, add_relaxed };
	for (size_t i = 0; i < b->count; i++) {
		struct dkim_body_hash *item = &b->items[i];
		dkim_hash_begin(&item->hash, item->algorithm);
		if (!b->forms[item->canon]) {
			b->forms[item->canon] = arena_alloc(arena, sizeof(struct dkim_body));
			dkim_body_begin(b->forms[item->canon], item->canon, sinks[item->canon], b);
		}
	}
}

void dkim_bodies_add(struct dkim_bodies *b, struct slice piece)
{
	for (int c = DKIM_SIMPLE; c <= DKIM_RELAXED; c++) {
		if (b->forms[c])
			dkim_body_add(b->forms[c], piece);
	}
}

void dkim_bodies_end(struct dkim_bodies *b)
{
	for (int c = DKIM_SIMPLE; c <= DKIM_RELAXED; c++) {
		if (!b->forms[c])
			continue;
		dkim_body_end(b->forms[c]);
		b->total[c] = b->forms[c]->len;
	}
	for (size_t i = 0; i < b->count; i++)
		dkim_hash_end(&b->items[i].hash, &b->items[i].digest);
}
