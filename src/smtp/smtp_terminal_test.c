#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/smtp_terminal.h"

static void assert_shown(const char *message, const char *shown)
{
	struct arena *arena = arena_new();
	struct slice text = smtp_terminal_text(arena, SLICE("a@b.test"), slice_from_str(message));
	const char *want = arena_printf(arena, "\r\nMessage from <a@b.test> ...\r\n%s\r\nEOF\r\n",
	                                shown);
	assert_true(slice_equal(text, slice_from_str(want)));
	arena_free(arena);
}

static void controls_go(void **state)
{
	(void)state;
	assert_shown("plain\ttext", "plain\ttext");
	assert_shown("two\r\nlines\n", "two\r\nlines\r\n");
	assert_shown("\x1b[2J\x1b]0;title\x07", "[2J]0;title");
	assert_shown("back\x08\x08 and \x7f", "back and ");
	assert_shown("caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac");
	/* C1 as UTF-8, and as a byte alone. */
	assert_shown("\xc2\x9b"
	             "31m",
	             "31m");
	assert_shown("\x9b"
	             "31m",
	             "?31m");
	assert_shown("\xe2\x82", "??");
}

static void long_ones_are_cut(void **state)
{
	(void)state;
	static char message[20000];
	memset(message, 'x', sizeof(message));
	struct arena *arena = arena_new();
	struct slice text = smtp_terminal_text(arena, SLICE_EMPTY,
	                                       slice_of(message, sizeof(message)));
	assert_true(text.len <= SMTP_TERMINAL_TEXT_MAX + 32);
	assert_true(slice_ends_with(text, SLICE("x\r\n[cut]\r\nEOF\r\n")));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controls_go),
		cmocka_unit_test(long_ones_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
