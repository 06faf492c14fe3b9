#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "guard/milter_parse.h"

static void packets_come_in_pieces(void **state)
{
	(void)state;
	struct slice whole = SLICE("\0\0\0\1c\0\0\0\3qx\0"), packet;
	for (size_t len = 0; len < 5; len++) {
		struct slice part = slice_sub(whole, 0, len);
		assert_int_equal(milter_take_packet(&part, &packet), 0);
	}
	assert_int_equal(milter_take_packet(&whole, &packet), 1);
	assert_true(slice_equal(packet, SLICE("c")));
	assert_int_equal(milter_take_packet(&whole, &packet), 1);
	assert_true(slice_equal(packet, SLICE("qx\0")));
	assert_int_equal(whole.len, 0);
	struct slice empty = SLICE("\0\0\0\0"), huge = SLICE("\0\x20\0\0x");
	assert_int_equal(milter_take_packet(&empty, &packet), -EPROTO);
	assert_int_equal(milter_take_packet(&huge, &packet), -EPROTO);
}

static void answers(void **state)
{
	(void)state;
	struct milter_message m;
	assert_int_equal(milter_parse(SLICE("i\0\0\1\2X-A\0 b\0"), &m), 0);
	assert_int_equal(m.answer, MILTER_INSERT_HEADER);
	assert_int_equal(m.index, 258);
	assert_true(slice_equal(m.name, SLICE("X-A")));
	assert_true(slice_equal(m.value, SLICE(" b")));
	assert_int_equal(milter_parse(SLICE("O\0\0\0\6\0\0\0\1\0\0\0\2\0\0\0\0{i}\0"), &m), 0);
	assert_int_equal(m.options.version, 6);
	assert_int_equal(m.options.protocol, 2);
	assert_int_equal(milter_parse(SLICE("b\0x"), &m), 0);
	assert_int_equal(m.value.len, 2);
	const struct slice wrong[] = {
		SLICE(""),
		SLICE("Z"),
		SLICE("hX-A\0b"),
		SLICE("hX A\0b\0"),
		SLICE("hX:\0b\0"),
		SLICE("h\0b\0"),
		SLICE("m\0\0\1"),
		SLICE("q"),
		SLICE("O\0\0\0\1\0\0\0\1\0\0\0\2"),
		SLICE("O\0\0\0\7\0\0\0\1\0\0\0\2"),
		SLICE("O\0\0\0\6"),
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(milter_parse(wrong[i], &m), -EPROTO);
}

static void reads(struct arena *arena, struct slice value, int code, const char *enhanced,
                  const char *text)
{
	struct config_reply reply;
	assert_true(milter_parse_reply(arena, value, &reply));
	assert_int_equal(reply.code, code);
	assert_string_equal(reply.enhanced, enhanced);
	assert_string_equal(reply.text, text);
}

static void replies(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct config_reply reply;
	reads(arena, SLICE("550 5.7.0 No, 100%% sure"), 550, "5.7.0", "No, 100% sure");
	reads(arena, SLICE("451 Later"), 451, "4.7.1", "Later");
	reads(arena, SLICE("550-5.7.0 One\r\n550-5.7.0 two\r\n550 5.7.0 three\r\n"), 550, "5.7.0",
	      "One; two; three");
	reads(arena, SLICE("554"), 554, "5.7.1", "Refused by a filter");
	reads(arena, SLICE("554 5.7.9"), 554, "5.7.9", "Refused by a filter");
	reads(arena, SLICE("550 5.7.1 a\rb\x01"), 550, "5.7.1", "a?b?");
	assert_false(milter_parse_reply(arena, SLICE("250 2.0.0 Fine"), &reply));
	assert_false(milter_parse_reply(arena, SLICE(""), &reply));
	assert_false(milter_parse_reply(arena, SLICE("no"), &reply));
	arena_free(arena);
}

static void becomes(struct slice value, bool leading, const char *expected)
{
	struct buf out = buf_make(1000);
	milter_field_text(&out, SLICE("X-A"), value, leading);
	assert_true(slice_equal(buf_slice(&out), slice_from_str(expected)));
	buf_free(&out);
}

static void no_value_makes_a_field_of_its_own(void **state)
{
	(void)state;
	becomes(SLICE("b"), false, "X-A: b\r\n");
	becomes(SLICE("  b"), true, "X-A:  b\r\n");
	becomes(SLICE("b\n\tc\r\n d"), false, "X-A: b\r\n\tc\r\n d\r\n");
	becomes(SLICE("b\nEvil: c"), false, "X-A: b\r\n\tEvil: c\r\n");
	becomes(SLICE("b\n\n\r\n \nc\n"), false, "X-A: b\r\n\tc\r\n");
	becomes(SLICE("b\rEvil: c\0d"), false, "X-A: b Evil: c d\r\n");
	becomes(SLICE(""), false, "X-A: \r\n");
}

static void commands(void **state)
{
	(void)state;
	struct buf out = buf_make(1000);
	size_t at;
	milter_put_begin(&out, 'L', &at);
	milter_put_string(&out, SLICE("Sub\0ject"));
	milter_put_value(&out, SLICE("  a\r\n b"), false);
	milter_put_end(&out, at);
	assert_true(slice_equal(buf_slice(&out), SLICE("\0\0\0\xfLSub ject\0a\n b\0")));
	buf_clear(&out);
	milter_put_value(&out, SLICE(" a"), true);
	assert_true(slice_equal(buf_slice(&out), SLICE(" a\0")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_in_pieces),
		cmocka_unit_test(answers),
		cmocka_unit_test(replies),
		cmocka_unit_test(no_value_makes_a_field_of_its_own),
		cmocka_unit_test(commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
