/* Reports on single messages: what is read of others' is printable; of a header no address is
 * passed on, and nothing that is longer than allowed. */
#include "fuzz.h"

#include "trust/dmarc_failure.h"

static void check_header(struct arena *arena, struct slice message)
{
	const struct trust_dmarc_finding finding = { .author = SLICE("a.test") };
	const struct trust_question question = { .message = message };
	const struct dmarc_failure failure = { .finding = &finding,
		                               .question = &question,
		                               .redact = true };
	struct slice header = dmarc_failure_header(arena, &failure);
	FUZZ_CHECK(header.len <= DMARC_FAILURE_HEADER_MAX);
	FUZZ_CHECK(slice_find(header, SLICE("\r\n\r\n")) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct report_summary s;
	if (dmarc_failure_read(arena, input, &s) == 0) {
		FUZZ_CHECK(s.report_id.len == 16 && s.failures > 0 && s.begins_ms >= 0);
		for (size_t i = 0; i < s.domain.len; i++)
			FUZZ_CHECK(s.domain.data[i] >= ' ' && s.domain.data[i] < 0x7f);
		json_decref(dmarc_failure_json(input));
	}
	check_header(arena, input);
	arena_free(arena);
	return 0;
}
