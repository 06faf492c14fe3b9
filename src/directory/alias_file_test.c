/* What files like /etc/aliases may hold, and what is refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "directory/alias_file.h"

static void reads(void **state)
{
	struct arena *arena = arena_new();
	struct alias_file f;
	(void)state;
	assert_int_equal(alias_file_parse(arena,
	                                  SLICE("# to people\n\npostmaster: root\r\n"
	                                        "root: alice, \"B, b\"@example.test,\n\tcarol\n"),
	                                  &f),
	                 0);
	assert_int_equal(f.count, 2);
	assert_true(slice_equal(f.entries[0].targets[0], SLICE("root")));
	assert_int_equal(f.entries[1].line, 4);
	assert_int_equal(f.entries[1].count, 3);
	assert_true(slice_equal(f.entries[1].targets[1], SLICE("\"B, b\"@example.test")));
	assert_true(slice_equal(f.entries[1].targets[2], SLICE("carol")));
	arena_free(arena);
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		int line;
	} all[] = {
		{ "a: b\nc\n", 2 },        { "a: |cmd\n", 1 },  { "\na: \"|cmd x\"\n", 2 },
		{ "a: /dev/null\n", 1 },   { "a:\n", 1 },       { "a: :include:/x\n", 1 },
		{ "a: b\n\n\nA: c\n", 4 }, { "a: b\n c\n", 1 }, { " a: b\n", 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct arena *arena = arena_new();
		struct alias_file f;
		assert_int_equal(alias_file_parse(arena, slice_from_str(all[i].text), &f), -22);
		assert_int_equal(f.wrong_line, all[i].line);
		assert_non_null(f.why);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads), cmocka_unit_test(refuses) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
