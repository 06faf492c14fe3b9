#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config_template.h"
#include "final/final_internal.h"

static void assert_entry(const char *sender, const char *message, const char *wanted)
{
	struct arena *arena = arena_new();
	struct slice entry = final_mbox_entry(arena, slice_from_str(sender), 1700000000,
	                                      slice_from_str(message));
	assert_string_equal(arena_str(arena, entry), wanted);
	arena_free(arena);
}

#define DATE "Tue Nov 14 22:13:20 2023\n"

static void from_lines(void **state)
{
	(void)state;
	assert_entry("a@example.test", "A: b\n\nFrom here\n>From there\nfrom\n From\n",
	             "From a@example.test " DATE
	             "A: b\n\n>From here\n>>From there\nfrom\n From\n\n");
	assert_entry("", "A: b\n\nx", "From MAILER-DAEMON " DATE "A: b\n\nx\n\n");
	/* A sender that would be two words, or a line of its own. */
	assert_entry("\"a b\"@x\nFrom", "A: b\n", "From \"a_b\"@x_From " DATE "A: b\n\n");
}

static const char *expand(struct arena *arena, const char *text, enum config_template_use use,
                          const char *local)
{
	const struct config_template_values values = { .local = slice_from_str(local),
		                                       .sender = SLICE(""),
		                                       .extension = SLICE(""),
		                                       .home = SLICE("/home/x") };
	assert_true(config_template_is_good(text));
	const char *expanded = config_template_expand(arena, text, use, &values);
	return expanded ? expanded : "(none)";
}

static void templates(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_string_equal(expand(a, "/m/${local}/", TEMPLATE_PATH, "bob"), "/m/bob/");
	assert_string_equal(expand(a, "${home}/m", TEMPLATE_PATH, "bob"), "/home/x/m");
	static const char *const bad[] = { "", ".", "..", ".x", "../root", "a/b", "a\n", "\x01" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(expand(a, "/m/${local}", TEMPLATE_PATH, bad[i]), "(none)");
	assert_string_equal(expand(a, "/m/${extension}x", TEMPLATE_PATH, "b"), "(none)");
	/* Arguments: one stays one, and is no option. */
	assert_string_equal(expand(a, "${local}", TEMPLATE_ARGUMENT, "a b;c"), "a b;c");
	assert_string_equal(expand(a, "${sender}", TEMPLATE_ARGUMENT, "x"), "");
	assert_string_equal(expand(a, "-f${local}", TEMPLATE_ARGUMENT, "-o"), "-f-o");
	assert_string_equal(expand(a, "${local}", TEMPLATE_ARGUMENT, "-o"), "(none)");
	assert_string_equal(expand(a, "${sender}${local}", TEMPLATE_ARGUMENT, "--"), "(none)");
	assert_string_equal(expand(a, "x${local}", TEMPLATE_ARGUMENT, "a\nb"), "(none)");
	/* What a value says is not looked at again. */
	assert_string_equal(expand(a, "${local}", TEMPLATE_ARGUMENT, "${home}"), "${home}");
	assert_false(config_template_is_good("${lcal}"));
	assert_false(config_template_is_good("a${local"));
	assert_true(config_template_is_good("$5 }{"));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_lines),
		cmocka_unit_test(templates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
