/* What Rspamd and spamd answer: a head like that of HTTP, and a JSON object or a report. */
#include "fuzz.h"
#include "guard/rspamd.h"
#include "guard/spamd.h"

static const char message[] = "Subject: one\r\nX-A: 1\r\nX-A: 2\r\n\r\nBody\r\n";

static bool is_one_field(struct slice field)
{
	for (size_t i = 0; i + 1 < field.len; i++)
		if (field.data[i] == '\n' && !byte_is_space(field.data[i + 1]))
			return false;
	return field.len == 0 || slice_ends_with(field, SLICE("\r\n"));
}

static void check(const struct filter_answer *a)
{
	FUZZ_CHECK(a->change_count <= FILTER_CHANGES_MAX && a->line_count <= FILTER_LINES_MAX);
	for (size_t i = 0; i < a->change_count; i++)
		FUZZ_CHECK(is_one_field(a->changes[i].field));
	for (size_t i = 0; a->fate == FILTER_REFUSE && a->reply.text[i]; i++)
		FUZZ_CHECK(a->reply.text[i] >= ' ' && a->reply.text[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_filter filter = { .name = "rspamd", .weight = 100 };
	struct scanner_reply reply;
	if (scanner_parse(fuzz_input(data, size), true, &reply) != 1)
		return 0;
	struct filter_answer answer = { .arena = arena_new() };
	if (rspamd_parse(&filter, slice_from_str(message), reply.text, &answer) == 0)
		check(&answer);
	struct filter_answer other = { .arena = answer.arena };
	if (spamd_parse(&filter, &reply, &other) == 0)
		check(&other);
	arena_free(answer.arena);
	return 0;
}
