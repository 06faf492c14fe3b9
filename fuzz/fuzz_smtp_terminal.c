/* Whatever a message holds, what a terminal gets has nothing that moves or answers. */
#include "smtp/smtp_terminal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct arena *arena = arena_new();
	struct slice text = smtp_terminal_text(arena, slice_sub(input, 0, 20), input);
	if (text.len > SMTP_TERMINAL_TEXT_MAX + 32 || !slice_is_utf8(text))
		abort();
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool c1 = c == 0xC2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xA0;
		if (c1 || c == 0x7F || (c < 0x20 && c != '\t' && c != '\r' && c != '\n'))
			abort();
	}
	arena_free(arena);
	return 0;
}
