#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "config/config_guard.h"

static void rates(void **state)
{
	struct config_rate r;
	(void)state;
	assert_true(config_parse_rate(SLICE("60 messages/1m"), &r));
	assert_int_equal(r.count, 60);
	assert_int_equal(r.burst, 60);
	assert_int_equal(r.period_ms, 60000);
	assert_int_equal(r.of, RATE_MESSAGES);
	assert_int_equal(r.per, RATE_PER_NETWORK);
	assert_true(config_parse_rate(SLICE("5 recipients/10s per sender burst 20"), &r));
	assert_int_equal(r.burst, 20);
	assert_int_equal(r.per, RATE_PER_SENDER);
	assert_true(config_parse_rate(SLICE("1 connections/7d per account"), &r));
	static const char *const wrong[] = {
		"",
		"60",
		"0 messages/1m",
		"60 mails/1m",
		"60 messages",
		"60 messages/",
		"60 messages/8d",
		"60 messages/0s",
		"60 messages/1m per",
		"60 messages/1m per planet",
		"60 messages/1m burst 0",
		"60 messages/1m ",
		"-1 messages/1m",
		"99999999999 messages/1m",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(config_parse_rate(slice_from_str(wrong[i]), &r));
}

static void replies(void **state)
{
	struct config_reply r;
	struct arena *arena = arena_new();
	(void)state;
	assert_true(config_parse_reply(arena, SLICE("554 5.7.1 Not from here"), &r));
	assert_int_equal(r.code, 554);
	assert_string_equal(r.enhanced, "5.7.1");
	assert_string_equal(r.text, "Not from here");
	assert_true(config_parse_reply(arena, SLICE("450 Later"), &r));
	assert_string_equal(r.enhanced, "4.7.1");
	/* The class of the status is that of the code: else it is text. */
	assert_true(config_parse_reply(arena, SLICE("450 5.7.1 Later"), &r));
	assert_string_equal(r.enhanced, "4.7.1");
	assert_string_equal(r.text, "5.7.1 Later");
	static const char *const wrong[] = { "",          "550",      "550 ",
		                             "250 OK",    "600 x",    "550 a\r\nb",
		                             "5500 text", "5x0 text", "599 no such code" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(config_parse_reply(arena, slice_from_str(wrong[i]), &r));
	arena_free(arena);
}

static void assert_pattern(struct arena *arena, const char *text, const char *expected)
{
	struct config_pattern p;
	assert_true(config_parse_address_pattern(arena, text, &p));
	assert_true(slice_equal(p.text, slice_from_str(expected)));
	assert_int_equal(p.negated, text[0] == '!');
}

static void address_patterns(void **state)
{
	struct arena *arena = arena_new();
	struct config_pattern p;
	(void)state;
	assert_pattern(arena, "<>", "");
	assert_pattern(arena, "example.org", "*@example.org");
	assert_pattern(arena, "@Example.org", "*@example.org");
	assert_pattern(arena, "!Ann@*.Example.org", "ann@*.example.org");
	assert_pattern(arena, "*@bücher.test", "*@xn--bcher-kva.test");
	assert_false(config_parse_address_pattern(arena, "", &p));
	assert_false(config_parse_address_pattern(arena, "!", &p));
	assert_false(config_parse_address_pattern(arena, "ann@", &p));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),
		cmocka_unit_test(replies),
		cmocka_unit_test(address_patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
