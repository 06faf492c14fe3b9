#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imap/imap_envelope.h"

#define ENVELOPE                                                                                   \
	"(\"Mon, 5 May 2025 10:00:00 +0000\" \"a \\\"quoted\\\\ one\\\"\" "                        \
	"((\"A (B\" NIL \"a\" \"x.test\")) NIL NIL "                                               \
	"((NIL NIL \"b\" \"x.test\")(\"=?utf-8?Q?J=C3=B6rg?=\" NIL \"c\" \"x.test\")) NIL NIL "    \
	"{4}\r\n<\"a> \"<id@x.test>\")"

static void assert_next(struct imap_envelope_walk *w, enum imap_envelope_field field,
                        const char *want)
{
	struct arena *arena = arena_new();
	struct slice got = imap_envelope_next(arena, w, field);
	if (!slice_equal(got, slice_from_str(want)))
		fail_msg("field %d is %.*s, not %s", field, SLICE_ARG(got), want);
	arena_free(arena);
}

static void test_walk(void **state)
{
	struct imap_envelope_walk w = imap_envelope_walk(SLICE(ENVELOPE));
	(void)state;
	assert_next(&w, ENVELOPE_DATE, "Mon, 5 May 2025 10:00:00 +0000");
	assert_next(&w, ENVELOPE_SUBJECT, "a \"quoted\\ one\"");
	assert_next(&w, ENVELOPE_FROM, "A (B <a@x.test> ");
	assert_next(&w, ENVELOPE_FROM, "A (B <a@x.test> ");
	assert_next(&w, ENVELOPE_TO, " <b@x.test> J\xC3\xB6rg <c@x.test> ");
	assert_next(&w, ENVELOPE_BCC, "");
	assert_next(&w, ENVELOPE_IN_REPLY_TO, "<\"a>");
	assert_next(&w, ENVELOPE_MESSAGE_ID, "<id@x.test>");
	assert_next(&w, ENVELOPE_SUBJECT, "a \"quoted\\ one\"");
}

/* Cut off anywhere: what stands before it is found, what is behind is empty. */
static void test_cut_off(void **state)
{
	const struct slice whole = SLICE(ENVELOPE);
	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct arena *arena = arena_new();
		struct slice cut = arena_copy(arena, slice_sub(whole, 0, len));
		struct imap_envelope_walk w = imap_envelope_walk(cut);
		struct slice date = imap_envelope_next(arena, &w, ENVELOPE_DATE);
		assert_int_equal(date.len, len < 33 ? 0 : 30);
		struct slice id = imap_envelope_next(arena, &w, ENVELOPE_MESSAGE_ID);
		assert_int_equal(id.len, len < whole.len - 1 ? 0 : 11);
		assert_int_equal(imap_envelope_next(arena, &w, ENVELOPE_DATE).len, date.len);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
