/* Authentication-Results: what is read is written and read again as the same. */
#include "fuzz.h"

#include "trust/authres.h"

static void check_again(struct arena *arena, const struct authres *a)
{
	struct buf out = buf_make(1 << 20);
	struct authres b;
	buf_append(&out, SLICE("id"));
	for (size_t i = 0; i < a->count; i++) {
		const struct authres_result *r = &a->results[i];
		authres_put_result(&out, arena_str(arena, r->method), arena_str(arena, r->result),
		                   arena_str(arena, r->reason));
		for (size_t p = 0; p < r->property_count; p++)
			authres_put_property(&out, arena_str(arena, r->properties[p].type),
			                     arena_str(arena, r->properties[p].name),
			                     r->properties[p].value);
	}
	if (!buf_failed(&out) && out.len <= AUTHRES_BYTES_MAX) {
		FUZZ_CHECK(authres_parse(arena, buf_slice(&out), &b));
		FUZZ_CHECK(a->count == b.count);
		for (size_t i = 0; i < a->count; i++)
			FUZZ_CHECK(a->results[i].property_count == b.results[i].property_count);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct authres a;
	if (authres_parse(arena, input, &a))
		check_again(arena, &a);
	authres_is_ours(arena, input, SLICE("mx.example.test"));
	arena_free(arena);
	return 0;
}
