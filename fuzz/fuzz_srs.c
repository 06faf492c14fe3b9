/* Local parts that may be rewritten senders, and senders that are rewritten. */
#include "fuzz.h"

#include "route/srs.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sender_keys keys = { .keys = { { .secret = "fuzz" } }, .count = 1 };
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct address given, made, found;
	srs_reverse(arena, &keys, input, 100 * DAY_MS, 21 * DAY_MS, &found);
	if (address_parse(arena, input, ADDRESS_ALLOW_UTF8, &given) &&
	    srs_rewrite(arena, &keys, &given, SLICE("ours.test"), 100 * DAY_MS, &made)) {
		enum srs_result result = srs_reverse(arena, &keys, made.local, 100 * DAY_MS,
		                                     21 * DAY_MS, &found);
		FUZZ_CHECK(made.local.len <= ADDRESS_LOCAL_MAX);
		/* One that was rewritten before leads to what was behind it. */
		FUZZ_CHECK(srs_is_form(given.local) ||
		           (result == SRS_GOOD && slice_equal(found.local, given.local) &&
		            slice_equal(found.domain, given.domain)));
	}
	arena_free(arena);
	return 0;
}
