/* A DMARC record: what is taken has policies in their range, and what is behind it changes
 * nothing. */
#include "fuzz.h"

#include "base/arena.h"
#include "trust/dmarc_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct dmarc_record r, again;
	if (dmarc_record_parse(input, &r)) {
		const struct slice parts[] = { input, SLICE(";x=y") };
		FUZZ_CHECK(dmarc_is_record(input));
		FUZZ_CHECK(r.domain <= DMARC_REJECT && r.subdomain <= DMARC_REJECT &&
		           r.missing <= DMARC_REJECT && r.percent <= DMARC_PERCENT_MAX);
		FUZZ_CHECK(r.psd == 'u' || r.psd == 'y' || r.psd == 'n');
		FUZZ_CHECK(dmarc_record_parse(arena_concat(arena, parts, 2), &again) &&
		           again.domain == r.domain && again.missing == r.missing);
	}
	arena_free(arena);
	return 0;
}
