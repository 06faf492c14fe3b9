/* What an IMAP server may say to our client. */
#include "cli/imap_answer.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct imap_fetched *f = ARENA_NEW(arena, struct imap_fetched);
	struct imap_listed l;
	uint64_t number;
	uint32_t count;
	struct uid_set found = { 0 };
	if (imap_read_fetch(input, arena, f)) {
		FUZZ_CHECK(f->keyword_count <= IMAP_ANSWER_KEYWORDS_MAX);
		FUZZ_CHECK(f->body.len <= size);
	}
	if (imap_read_list(input, arena, &l))
		FUZZ_CHECK(l.name.len <= 3 * l.wire.len);
	imap_read_code(input, SLICE("UIDNEXT"), &number);
	if (imap_read_search(input, arena, &found)) {
		uid_set_sort(&found);
		FUZZ_CHECK(uid_set_size(&found) <= UINT32_MAX && found.count <= size);
	}
	imap_read_count(input, SLICE("EXISTS"), &count);
	arena_free(arena);
	return 0;
}
