/* An SPF record, and the text that explains a refusal: what is taken is in order, and can be put
 * together again. */
#include "fuzz.h"

#include "trust/spf_record.h"

static void check_record(struct arena *arena, struct slice text)
{
	struct spf_record r;
	struct slice where;
	if (spf_record_parse(arena, text, &r, &where))
		return;
	FUZZ_CHECK(spf_is_record(text) && r.count <= SPF_TERMS_MAX);
	for (size_t i = 0; i < r.count; i++) {
		const struct spf_term *t = &r.terms[i];
		FUZZ_CHECK(t->bits_v4 <= 32 && t->bits_v6 <= 128 && t->network.bits <= 128);
		FUZZ_CHECK(t->text.data >= text.data &&
		           t->text.data + t->text.len <= text.data + text.len);
		FUZZ_CHECK(t->kind != SPF_INCLUDE || t->domain.len > 0);
		FUZZ_CHECK(slice_find_byte(t->domain, ' ') < 0);
	}
}

static void check_macros(struct slice text)
{
	struct cursor c = cursor_of(text);
	struct slice literal;
	struct spf_macro macro;
	const char *at = c.at;
	while (!cursor_at_end(&c) && spf_take_piece(&c, true, &literal, &macro)) {
		FUZZ_CHECK(c.at > at);
		FUZZ_CHECK(!macro.letter || (macro.parts <= 999 && macro.delimiters.len > 0));
		at = c.at;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	check_record(arena, input);
	check_macros(input);
	arena_free(arena);
	return 0;
}
