/* TLS reports of other servers, and the record that asks for ours. */
#include "fuzz.h"

#include "client/tlsrpt.h"

enum { UNPACKED_MAX = 64 * 1024 };

static void check_record(struct arena *arena, struct slice text)
{
	struct slice uris[TLSRPT_URIS_MAX], address;
	size_t count = tlsrpt_record_parse(text, uris);
	FUZZ_CHECK(count <= TLSRPT_URIS_MAX && (count == 0 || tlsrpt_record_is(text)));
	for (size_t i = 0; i < count; i++) {
		if (tlsrpt_mail_address(arena, uris[i], &address))
			FUZZ_CHECK(address.len > 0 && slice_find_byte(address, '\n') < 0);
	}
}

static void check_report(struct arena *arena, struct slice json)
{
	struct report_summary s;
	if (tlsrpt_read(arena, json, &s) < 0)
		return;
	FUZZ_CHECK(s.report_id.len > 0 && s.report_id.len <= REPORT_SHOWN_MAX);
	FUZZ_CHECK(s.successes >= 0 && s.failures >= 0);
	for (size_t i = 0; i < s.organization.len; i++)
		FUZZ_CHECK(s.organization.data[i] >= ' ' && s.organization.data[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), text;
	struct arena *arena = arena_new();
	check_record(arena, input);
	check_report(arena, input);
	if (report_unpack(arena, input, UNPACKED_MAX, &text) == 0) {
		FUZZ_CHECK(text.len <= UNPACKED_MAX);
		check_report(arena, text);
	}
	arena_free(arena);
	return 0;
}
