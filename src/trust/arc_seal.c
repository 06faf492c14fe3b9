#include "base/codec.h"
#include "trust/arc_internal.h"
#include "trust/dkim_private.h"

enum { DKIM_FIELDS_SIGNED_MAX = 10 };

/* What DKIM signs, and the signatures themselves (RFC 8617 section 4.1.2). */
static size_t names_of(struct arena *arena, const struct dkim_header *header, struct slice **out)
{
	static const struct slice signature = { "DKIM-Signature", 14 };
	struct slice *plain;
	size_t count = dkim_sign_names(arena, header, &plain), added = 0;
	*out = ARENA_ARRAY(arena, count + DKIM_FIELDS_SIGNED_MAX, struct slice);
	memcpy(*out, plain, count * sizeof(*plain));
	for (size_t i = 0; i < header->count && added < DKIM_FIELDS_SIGNED_MAX; i++) {
		if (slice_equal_nocase(header->fields[i].name, signature))
			(*out)[count + added++] = signature;
	}
	return count + added;
}

static struct slice sign_message(struct arena *arena, const struct arc_sealing *s, size_t instance)
{
	struct dkim_header *header = ARENA_NEW(arena, struct dkim_header);
	struct dkim_signature shape = { .header_canon = DKIM_RELAXED,
		                        .body_canon = DKIM_RELAXED,
		                        .algorithm = s->key->algorithm };
	dkim_header_index(arena, s->message, s->max_header_bytes, header);
	if (header->cut)
		return SLICE_EMPTY;
	shape.name_count = names_of(arena, header, &shape.names);
	const char *begun = arena_printf(
		arena,
		"ARC-Message-Signature: i=%zu; a=%s; c=relaxed/relaxed;\r\n\td=%.*s;\r\n"
		"\ts=%.*s; t=%lld;\r\n\th=%.*s;\r\n\tbh=%.*s;\r\n\tb=",
		instance, dkim_algorithm_name(s->key->algorithm), SLICE_ARG(s->domain),
		SLICE_ARG(s->key->selector), (long long)s->now_s,
		SLICE_ARG(dkim_sign_list(arena, shape.names, shape.name_count)),
		SLICE_ARG(base64_encode_arena(arena, dkim_sign_body(arena, header->body))));
	return dkim_sign_field(arena, header, slice_from_str(begun), &shape, s->key->key);
}

/* A chain that is broken is sealed once, by itself (section 5.1.2). */
static struct slice sign_seal(struct arena *arena, const struct arc_sealing *s,
                              struct arc_set *sets, size_t last, const char *chain)
{
	struct dkim_signature shape = { .algorithm = s->key->algorithm };
	struct dkim_digest digest;
	const char *begun = arena_printf(arena,
	                                 "ARC-Seal: i=%zu; a=%s; cv=%s; t=%lld;\r\n"
	                                 "\td=%.*s;\r\n\ts=%.*s;\r\n\tb=",
	                                 last + 1, dkim_algorithm_name(s->key->algorithm), chain,
	                                 (long long)s->now_s, SLICE_ARG(s->domain),
	                                 SLICE_ARG(s->key->selector));
	sets[last].seal = slice_from_str(begun);
	shape.bytes_at = sets[last].seal.len;
	bool alone = s->chain->result == TRUST_FAIL;
	arc_seal_digest(arena, sets, alone ? last : 0, last, &shape, &digest);
	return dkim_sign_end(arena, sets[last].seal,
	                     dkim_private_sign(arena, s->key->algorithm, s->key->key,
	                                       dkim_digest_slice(&digest)));
}

struct slice arc_seal(struct arena *arena, const struct arc_sealing *s)
{
	const struct arc_check *chain = s->chain;
	size_t last = chain->count;
	struct arc_set *sets = ARENA_ARRAY(arena, ARC_INSTANCE_MAX, struct arc_set);
	if (last >= ARC_INSTANCE_MAX || chain->newest_failed || chain->result == TRUST_TEMPERROR)
		return SLICE_EMPTY;
	if (last > 0)
		memcpy(sets, chain->sets, last * sizeof(*sets));
	sets[last] = (struct arc_set){
		.results = slice_from_str(
			arena_printf(arena, "ARC-Authentication-Results: i=%zu; %.*s\r\n", last + 1,
		                     SLICE_ARG(slice_trim(s->results)))),
		.message = sign_message(arena, s, last + 1),
	};
	if (sets[last].message.len == 0)
		return SLICE_EMPTY;
	struct slice seal = sign_seal(arena, s, sets, last, trust_result_name(chain->result));
	if (seal.len == 0)
		return SLICE_EMPTY;
	return arena_concat(arena, (struct slice[]){ seal, sets[last].message, sets[last].results },
	                    3);
}
