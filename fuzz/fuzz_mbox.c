/* mbox files: where messages begin does not depend on how the file comes in pieces. */
#include "fuzz.h"

#include "message/mbox.h"

static void decode(struct slice entry, enum mbox_quoting quoting)
{
	struct buf out = buf_make(entry.len * 2 + 2);
	struct mbox_entry e;
	if (mbox_decode(entry, quoting, &out, &e) == 0) {
		struct slice message = buf_slice(&out);
		FUZZ_CHECK(message.len == 0 || slice_ends_with(message, SLICE("\r\n")));
	}
	buf_free(&out);
}

static void check_pieces(struct slice rest, size_t at, bool found)
{
	size_t scanned = 0, again = 0;
	bool found_again = false;
	for (size_t len = 1; len <= rest.len && !found_again; len += 1 + len / 3)
		found_again = mbox_find_next(slice_sub(rest, 0, len), &scanned, &again);
	if (!found_again)
		found_again = mbox_find_next(rest, &scanned, &again);
	FUZZ_CHECK(found_again == found && (!found || again == at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = fuzz_input(data, size);
	size_t at;
	bool found = true;
	for (int i = 0; found && i < 20; i++) {
		size_t scanned = 0;
		at = rest.len;
		found = mbox_find_next(rest, &scanned, &at);
		FUZZ_CHECK(!found || (at > 0 && at < rest.len));
		check_pieces(rest, at, found);
		decode(slice_sub(rest, 0, at), MBOX_RD);
		decode(slice_sub(rest, 0, at), MBOX_O);
		rest = slice_from(rest, at);
	}
	return 0;
}
