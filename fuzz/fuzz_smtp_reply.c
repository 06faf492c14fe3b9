/* Replies of an SMTP server, line after line, as the client reads them. */
#include "client/smtp_reply.h"

#include "fuzz.h"

static void check_enhanced(struct slice text)
{
	struct smtp_enhanced e, again;
	char written[SMTP_ENHANCED_TEXT_MAX];
	if (!smtp_enhanced_parse(text, &e))
		return;
	FUZZ_CHECK(smtp_enhanced_parse(slice_from_str(smtp_enhanced_text(e, written)), &again));
	FUZZ_CHECK(again.class == e.class && again.subject == e.subject &&
	           again.detail == e.detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct smtp_reply reply;
	smtp_reply_create(&reply);
	check_enhanced(rest);
	while (rest.len > 0) {
		int rc = smtp_reply_line(&reply, slice_split(&rest, '\n'));
		if (rc == 0)
			continue;
		if (rc == 1 && (reply.code < 200 || reply.code > 599))
			abort();
		struct slice text = smtp_reply_text(&reply, arena, 512);
		if (text.len > 512 || slice_find_byte(text, '\n') >= 0)
			abort();
		smtp_reply_reset(&reply);
	}
	smtp_reply_destroy(&reply);
	arena_free(arena);
	return 0;
}
