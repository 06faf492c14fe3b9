/* What a milter answers: packets, and what is made of them. */
#include "fuzz.h"
#include "guard/milter_parse.h"

/* A field that a filter adds is one field, whatever its value. */
static void check_field(const struct milter_message *m, bool leading_space)
{
	struct buf field = buf_make(4 * (size_t)MILTER_PACKET_MAX);
	milter_field_text(&field, m->name, m->value, leading_space);
	struct slice text = buf_slice(&field);
	FUZZ_CHECK(!buf_failed(&field) && slice_ends_with(text, SLICE("\r\n")));
	for (size_t i = 0; i < text.len; i++) {
		FUZZ_CHECK(text.data[i] != '\0');
		FUZZ_CHECK(text.data[i] != '\r' || (i + 1 < text.len && text.data[i + 1] == '\n'));
		FUZZ_CHECK(text.data[i] != '\n' || i + 1 == text.len ||
		           byte_is_space(text.data[i + 1]));
	}
	buf_free(&field);
}

static void check_reply(struct arena *arena, struct slice value)
{
	struct config_reply reply;
	if (!milter_parse_reply(arena, value, &reply))
		return;
	FUZZ_CHECK(reply.code >= 400 && reply.code < 560);
	for (const char *c = reply.text; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), packet;
	struct arena *arena = arena_new();
	struct milter_message m;
	while (milter_take_packet(&input, &packet) == 1) {
		if (milter_parse(packet, &m) < 0)
			continue;
		if (m.name.len > 0) {
			check_field(&m, true);
			check_field(&m, false);
		}
		if (m.answer == MILTER_REPLY)
			check_reply(arena, m.value);
	}
	arena_free(arena);
	return 0;
}
