#include "trust/dkim_sign.h"

#include "base/buf.h"
#include "base/codec.h"
#include "trust/dkim_private.h"

enum {
	SAME_MAX = 10, /* fields of one name that are signed */
	LINE_MAX = 72,
	LIST_BYTES_MAX = 8192,
	FIELD_BYTES_MAX = 32 * 1024,
};

/* RFC 6376 section 5.4.1, and what rules of lists and of unsubscribing hang on. */
static const struct {
	struct slice name;
	bool over; /* nobody may add one */
} wanted[] = {
	{ { "From", 4 }, true },
	{ { "Sender", 6 }, false },
	{ { "Reply-To", 8 }, true },
	{ { "To", 2 }, true },
	{ { "Cc", 2 }, true },
	{ { "Subject", 7 }, true },
	{ { "Date", 4 }, true },
	{ { "Message-ID", 10 }, true },
	{ { "In-Reply-To", 11 }, true },
	{ { "References", 10 }, true },
	{ { "MIME-Version", 12 }, true },
	{ { "Content-Type", 12 }, true },
	{ { "Content-Transfer-Encoding", 25 }, true },
	{ { "Resent-Date", 11 }, false },
	{ { "Resent-From", 11 }, false },
	{ { "Resent-To", 9 }, false },
	{ { "Resent-Cc", 9 }, false },
	{ { "Resent-Message-ID", 17 }, false },
	{ { "List-Id", 7 }, false },
	{ { "List-Help", 9 }, false },
	{ { "List-Unsubscribe", 16 }, false },
	{ { "List-Unsubscribe-Post", 21 }, false },
	{ { "List-Subscribe", 14 }, false },
	{ { "List-Post", 9 }, false },
	{ { "List-Owner", 10 }, false },
	{ { "List-Archive", 12 }, false },
	{ { "Auto-Submitted", 14 }, false },
	{ { "Autocrypt", 9 }, false },
};
enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

static size_t count_of(const struct dkim_header *header, struct slice name)
{
	size_t count = 0;
	for (size_t i = 0; i < header->count && count < SAME_MAX; i++)
		count += slice_equal_nocase(header->fields[i].name, name);
	return count;
}

size_t dkim_sign_names(struct arena *arena, const struct dkim_header *header, struct slice **out)
{
	size_t count = 0;
	*out = ARENA_ARRAY(arena, (size_t)WANTED * (SAME_MAX + 1), struct slice);
	for (size_t i = 0; i < WANTED; i++) {
		size_t same = count_of(header, wanted[i].name) + wanted[i].over;
		while (same-- > 0)
			(*out)[count++] = wanted[i].name;
	}
	return count;
}

struct slice dkim_sign_list(struct arena *arena, const struct slice *names, size_t count)
{
	struct buf out = buf_make(LIST_BYTES_MAX);
	size_t line = 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_byte(&out, ':');
		if (line + names[i].len > LINE_MAX - 8) {
			buf_append(&out, SLICE("\r\n\t"));
			line = 0;
		}
		buf_append(&out, names[i]);
		line += names[i].len + 1;
	}
	struct slice list = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return list;
}

static void put_folded(struct buf *out, struct slice text)
{
	for (size_t at = 0; at < text.len; at += LINE_MAX) {
		if (at > 0)
			buf_append(out, SLICE("\r\n\t"));
		buf_append(out, slice_sub(text, at, LINE_MAX));
	}
}

struct slice dkim_sign_field(struct arena *arena, struct dkim_header *header, struct slice begun,
                             const struct dkim_signature *shape, struct evp_pkey_st *key)
{
	struct dkim_signature s = *shape;
	struct dkim_digest digest;
	s.bytes_at = begun.len;
	s.bytes_len = 0;
	dkim_header_digest(arena, header, begun, &s, &digest);
	return dkim_sign_end(
		arena, begun,
		dkim_private_sign(arena, s.algorithm, key, dkim_digest_slice(&digest)));
}

struct slice dkim_sign_end(struct arena *arena, struct slice begun, struct slice bytes)
{
	if (bytes.len == 0)
		return SLICE_EMPTY;
	struct buf out = buf_make(FIELD_BYTES_MAX);
	buf_append(&out, begun);
	put_folded(&out, base64_encode_arena(arena, bytes));
	buf_append(&out, SLICE("\r\n"));
	struct slice field = buf_failed(&out) ? SLICE_EMPTY : arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return field;
}

static struct slice sign_with(struct arena *arena, struct dkim_header *header,
                              const struct dkim_signer *signer, const struct dkim_signer_key *key,
                              const struct dkim_signature *shape, int64_t now_s)
{
	struct dkim_signature s = *shape;
	s.algorithm = key->algorithm;
	const char *begun = arena_printf(arena,
	                                 "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed; d=%.*s;\r\n"
	                                 "\ts=%.*s; t=%lld;\r\n\th=%.*s;\r\n\tbh=%.*s;\r\n\tb=",
	                                 dkim_algorithm_name(key->algorithm),
	                                 SLICE_ARG(signer->domain), SLICE_ARG(key->selector),
	                                 (long long)now_s,
	                                 SLICE_ARG(dkim_sign_list(arena, s.names, s.name_count)),
	                                 SLICE_ARG(base64_encode_arena(arena, s.body_hash)));
	return dkim_sign_field(arena, header, slice_from_str(begun), &s, key->key);
}

struct slice dkim_sign_body(struct arena *arena, struct slice body)
{
	static const struct dkim_signature form = { .algorithm = DKIM_RSA_SHA256,
		                                    .body_canon = DKIM_RELAXED };
	struct dkim_bodies *bodies = ARENA_NEW(arena, struct dkim_bodies);
	dkim_bodies_want(bodies, &form);
	dkim_bodies_begin(bodies, arena);
	dkim_bodies_add(bodies, body);
	dkim_bodies_end(bodies);
	return dkim_digest_slice(&bodies->items[0].digest);
}

struct slice dkim_sign(struct arena *arena, const struct dkim_signer *signer, struct slice message,
                       size_t max_header_bytes, int64_t now_s)
{
	struct dkim_header *header = ARENA_NEW(arena, struct dkim_header);
	struct dkim_signature shape = { .header_canon = DKIM_RELAXED, .body_canon = DKIM_RELAXED };
	struct slice fields[DKIM_SIGNER_KEYS_MAX];
	dkim_header_index(arena, message, max_header_bytes, header);
	if (header->cut || signer->count == 0)
		return SLICE_EMPTY;
	shape.name_count = dkim_sign_names(arena, header, &shape.names);
	shape.body_hash = dkim_sign_body(arena, header->body);
	for (size_t i = 0; i < signer->count; i++)
		fields[i] = sign_with(arena, header, signer, &signer->keys[i], &shape, now_s);
	return arena_concat(arena, fields, signer->count);
}
