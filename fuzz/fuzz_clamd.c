/* What clamd answers. */
#include "fuzz.h"
#include "guard/clamd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), name;
	enum clamd_result result;
	if (clamd_parse(input, &result, &name) < 0)
		return 0;
	/* It goes into a reply. */
	for (size_t i = 0; i < name.len; i++)
		FUZZ_CHECK(name.data[i] > ' ' && name.data[i] <= '~');
	FUZZ_CHECK(result == CLAMD_FOUND || slice_equal(input, SLICE("stream: OK")));
	FUZZ_CHECK(result == CLAMD_CLEAN || name.len > 0);
	return 0;
}
