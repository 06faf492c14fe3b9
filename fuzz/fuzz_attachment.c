/* Files that strangers send: what they are, what they are called, and what is in them. */
#include "base/cursor.h"
#include "fuzz.h"
#include "guard/attachment.h"
#include "guard/sniff.h"

static const struct config_attachments limits = {
	.look = true, .max_depth = 3, .max_members = 20, .max_unpacked_bytes = 262144
};

static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return true;
}

/* A name, the end of a line, and the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = fuzz_input(data, size), name = slice_split(&file, '\n');
	struct attachment_facts facts;
	struct arena *arena = arena_new();
	attachment_look_at(arena, &limits, name, SLICE("image/png"), file, &facts);
	FUZZ_CHECK(facts.count <= ATTACHMENT_FACTS_MAX);
	for (size_t i = 0; i < facts.count; i++)
		FUZZ_CHECK(is_printable(facts.items[i]));
	arena_free(arena);
	return 0;
}
