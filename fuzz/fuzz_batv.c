/* Local parts that may have a tag, and senders that get one. */
#include "fuzz.h"

#include "route/batv.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sender_keys keys = { .keys = { { .secret = "fuzz" } }, .count = 1 };
	struct slice input = fuzz_input(data, size), local;
	struct arena *arena = arena_new();
	struct address given, made, alone = { .local = input, .domain = SLICE("ours.test") };
	batv_untag(arena, &keys, &alone, 100 * DAY_MS, 7 * DAY_MS, &local);
	if (address_parse(arena, input, ADDRESS_ALLOW_UTF8, &given) &&
	    batv_tag(arena, &keys, &given, 100 * DAY_MS, 7 * DAY_MS, &made)) {
		FUZZ_CHECK(made.local.len <= ADDRESS_LOCAL_MAX);
		FUZZ_CHECK(batv_untag(arena, &keys, &made, 106 * DAY_MS, 7 * DAY_MS, &local) ==
		           BATV_GOOD);
		FUZZ_CHECK(slice_equal(local, given.local));
	}
	arena_free(arena);
	return 0;
}
