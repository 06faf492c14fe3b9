/* Reports about DMARC of other servers: what is taken can be written, and reads as the same. */
#include "fuzz.h"

#include "trust/dmarc_report.h"

enum { UNPACKED_MAX = 64 * 1024 };

static void check_again(struct arena *arena, struct slice xml)
{
	json_t *report, *again;
	if (dmarc_report_parse(xml, &report) < 0)
		return;
	FUZZ_CHECK(dmarc_report_parse(dmarc_report_write(arena, report), &again) == 0);
	json_decref(report);
	json_decref(again);
}

static void check_report(struct arena *arena, struct slice xml)
{
	struct report_summary s;
	if (dmarc_report_read(arena, xml, &s) < 0)
		return;
	FUZZ_CHECK(s.report_id.len > 0 && s.report_id.len <= REPORT_SHOWN_MAX);
	FUZZ_CHECK(s.successes >= 0 && s.failures >= 0 && s.begins_ms >= 0 && s.ends_ms >= 0);
	for (size_t i = 0; i < s.organization.len; i++)
		FUZZ_CHECK(s.organization.data[i] >= ' ' && s.organization.data[i] < 0x7f);
	check_again(arena, xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), text;
	struct arena *arena = arena_new();
	check_report(arena, input);
	if (report_unpack(arena, input, UNPACKED_MAX, &text) == 0) {
		FUZZ_CHECK(text.len <= UNPACKED_MAX);
		check_report(arena, text);
	}
	arena_free(arena);
	return 0;
}
