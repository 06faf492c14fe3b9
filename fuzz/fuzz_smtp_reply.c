/* Replies of an SMTP server, line after line, as the client reads them. */
#include "client/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	struct arena *arena = arena_new();
	struct smtp_reply reply;
	smtp_reply_create(&reply);
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
