/* The client's messages of SCRAM. */
#include "fuzz.h"

#include "auth/scram_message.h"

static bool is_inside(struct slice whole, struct slice part)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct scram_first first;
	struct scram_final final;
	if (scram_parse_first(arena, input, &first)) {
		FUZZ_CHECK(first.flag == 'n' || first.flag == 'y' || first.flag == 'p');
		FUZZ_CHECK((first.flag == 'p') == (first.binding.len > 0));
		FUZZ_CHECK(first.name.len > 0 && first.nonce.len > 0);
		FUZZ_CHECK(slice_find_byte(first.name, '\0') < 0);
		FUZZ_CHECK(first.header.len + first.bare.len == input.len);
		FUZZ_CHECK(is_inside(input, first.bare) && is_inside(first.bare, first.nonce));
	}
	if (scram_parse_final(arena, input, &final)) {
		FUZZ_CHECK(final.nonce.len > 0 && is_inside(final.unproved, final.nonce));
		FUZZ_CHECK(final.unproved.len < input.len && is_inside(input, final.unproved));
	}
	arena_free(arena);
	return 0;
}
