/* PROXY headers: what is found in the whole is found when it comes bit by bit, and the reader never
 * takes more than the header. */
#include "fuzz.h"

#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct proxy_header whole, part;
	const char *why = NULL;
	int expected = proxy_header_parse(input, &whole, &why);
	size_t have = 0;
	int rc = 0;
	FUZZ_CHECK(expected >= 0 || why);
	while (rc == 0 && have <= size) {
		struct slice held = slice_sub(input, 0, have);
		rc = proxy_header_parse(held, &part, &why);
		if (rc == 0)
			have += proxy_header_missing(held);
	}
	FUZZ_CHECK(rc == expected || (rc == 0 && expected != 1));
	if (rc == 1) {
		FUZZ_CHECK(part.size_bytes == have && whole.size_bytes == have);
		FUZZ_CHECK(part.has_addresses == whole.has_addresses);
	}
	return 0;
}
