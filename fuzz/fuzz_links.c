/* Links in a text: within bounds, each once, and what is found is a name or an address. */
#include "fuzz.h"

#include "guard/guard_links.h"
#include "message/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct arena *arena = arena_new();
	for (int kind = 0; kind < 3; kind++) {
		struct guard_links links = { .domain_count = 0 };
		if (kind == 2)
			guard_links_find(arena, input, &limits, &links);
		else
			guard_links_find_in(arena, input, kind == 1, &links);
		FUZZ_CHECK(links.domain_count <= GUARD_LINKS_MAX);
		FUZZ_CHECK(links.address_count <= GUARD_LINKS_MAX);
		for (size_t i = 0; i < links.domain_count; i++)
			FUZZ_CHECK(domain_is_valid(links.domains[i]));
		for (size_t i = 0; i < links.address_count; i++)
			FUZZ_CHECK(links.addresses[i].any.sa_family == AF_INET ||
			           links.addresses[i].any.sa_family == AF_INET6);
	}
	arena_free(arena);
	return 0;
}
