/* Commands of ManageSieve: lines and their literals, as a client sends them. */
#include "fuzz.h"

#include "managesieve/managesieve_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = fuzz_input(data, size), text;
	struct arena *arena = arena_new();
	struct managesieve_command c = { .keyword = SLICE_EMPTY };
	uint64_t bytes = 0;
	managesieve_scan_string(arena, rest, &text, &bytes);
	while (managesieve_scan(&c, arena, slice_split(&rest, '\n'), &bytes) == 1) {
		FUZZ_CHECK(c.count < MANAGESIEVE_ARGUMENTS_MAX);
		if (bytes > rest.len)
			break;
		managesieve_add_text(&c, slice_sub(rest, 0, (size_t)bytes));
		rest = slice_from(rest, (size_t)bytes);
	}
	FUZZ_CHECK(c.count <= MANAGESIEVE_ARGUMENTS_MAX);
	arena_free(arena);
	return 0;
}
