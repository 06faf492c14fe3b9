/* The small languages of rules: rates, replies, patterns. The first line is a pattern, the rest is
 * what it is matched with. */
#include "config/config_guard.h"
#include "fuzz.h"
#include "guard/guard_pattern.h"

static void check_reply(struct arena *arena, struct slice input)
{
	struct config_reply reply;
	if (!config_parse_reply(arena, input, &reply))
		return;
	/* Whatever it is, it is one line of a reply. */
	FUZZ_CHECK(reply.code >= 400 && reply.code < 560);
	FUZZ_CHECK(reply.enhanced[0] == '0' + reply.code / 100);
	for (const char *c = reply.text; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
}

static void check_rate(struct slice input)
{
	struct config_rate rate;
	if (config_parse_rate(input, &rate))
		FUZZ_CHECK(rate.count > 0 && rate.burst > 0 && rate.period_ms > 0);
}

static void check_pattern(struct arena *arena, struct slice input)
{
	struct slice text = input;
	struct slice first = slice_split(&text, '\n');
	struct config_pattern pattern;
	if (first.len > 1000 || text.len > 1000)
		return;
	if (config_parse_address_pattern(arena, arena_str(arena, first), &pattern))
		(void)guard_pattern_match(pattern.text, text);
	if (!config_parse_pattern(arena, arena_str(arena, first), &pattern))
		return;
	(void)guard_pattern_match(pattern.text, text);
	if (slice_find_byte(pattern.text, '*') < 0 && slice_find_byte(pattern.text, '?') < 0)
		FUZZ_CHECK(guard_pattern_match(pattern.text, text) ==
		           slice_equal_nocase(pattern.text, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	check_reply(arena, input);
	check_rate(input);
	check_pattern(arena, input);
	arena_free(arena);
	return 0;
}
