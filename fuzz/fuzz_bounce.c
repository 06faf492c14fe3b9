/* Messages as reports of what became of another. */
#include "fuzz.h"

#include "message/bounce.h"
#include "message/bounce_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct bounce *b = ARENA_NEW(arena, struct bounce);
	bounce_may_be(input, true);
	if (bounce_parse(arena, input, &limits, b)) {
		FUZZ_CHECK(b->count <= BOUNCE_RECIPIENTS_MAX && b->id_count <= BOUNCE_IDS_MAX);
		for (size_t i = 0; i < b->count; i++) {
			const struct bounce_recipient *r = &b->recipients[i];
			FUZZ_CHECK(slice_find_byte(r->address, '@') >= 0);
			FUZZ_CHECK(slice_find_byte(r->diagnostic, '\n') < 0);
			bounce_class_of(r->status, r->diagnostic);
		}
	}
	arena_free(arena);
	return 0;
}
