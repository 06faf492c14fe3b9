#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/shown.h"

static const char *shown(struct arena *arena, const char *text, bool lines)
{
	return shown_text(arena, slice_from_str(text), lines).data;
}

static void what_strangers_wrote_is_cleaned(void **state)
{
	struct arena *a = arena_new();
	(void)state;
	assert_string_equal(shown(a, "J\xC3\xBCrgen \xE2\x82\xAC", false),
	                    "J\xC3\xBCrgen \xE2\x82\xAC");
	assert_string_equal(shown(a, "\x1B[2J\x07\x7F\tx\n", false), "?[2J???x?");
	assert_string_equal(shown(a, "a\r\nb\tc\rd\n", true), "a\nb\tc?d\n");
	/* CSI of Latin-1, a mark that turns the line round, one that nobody sees. */
	assert_string_equal(shown(a,
	                          "\xC2\x9B"
	                          "31m\xE2\x80\xAEx\xE2\x80\x8B",
	                          true),
	                    "?31m?x?");
	assert_string_equal(shown(a, "\xFF\xC3(\xE2\x82", false), "?"
	                                                          "?(?"
	                                                          "?");
	assert_string_equal(shown(a, "\xF0\x9F\x98\x80", false), "\xF0\x9F\x98\x80");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_strangers_wrote_is_cleaned),
	};
	return cmocka_run_group_tests_name("shown", tests, NULL, NULL);
}
