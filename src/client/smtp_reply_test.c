#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/smtp_reply.h"

static int setup(void **state)
{
	struct smtp_reply *r = mem_zero(1, sizeof(*r));
	smtp_reply_create(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	smtp_reply_destroy(*state);
	free(*state);
	return 0;
}

static void one_line(void **state)
{
	struct smtp_reply *r = *state;
	assert_int_equal(smtp_reply_line(r, SLICE("220 mx.example.test ESMTP")), 1);
	assert_int_equal(r->code, 220);
	assert_int_equal(r->lines, 1);
	assert_true(slice_equal(buf_slice(&r->text), SLICE("mx.example.test ESMTP")));
	assert_int_equal(r->enhanced.class, 0);
}

static void many_lines_make_one_reply(void **state)
{
	struct smtp_reply *r = *state;
	assert_int_equal(smtp_reply_line(r, SLICE("250-mx.example.test")), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("250-SIZE 1000")), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("250 PIPELINING")), 1);
	assert_int_equal(r->lines, 3);
	assert_true(
		slice_equal(buf_slice(&r->text), SLICE("mx.example.test\nSIZE 1000\nPIPELINING")));
	smtp_reply_reset(r);
	assert_int_equal(smtp_reply_line(r, SLICE("354")), 1);
	assert_int_equal(r->code, 354);
	assert_int_equal(buf_slice(&r->text).len, 0);
}

static void enhanced_codes(void **state)
{
	struct smtp_reply *r = *state;
	assert_int_equal(smtp_reply_line(r, SLICE("550-5.1.1 No such user")), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("550 5.1.1 here")), 1);
	char text[SMTP_ENHANCED_TEXT_MAX];
	assert_string_equal(smtp_enhanced_text(r->enhanced, text), "5.1.1");
	/* RFC 2034 section 3: the class must agree with the code, or it is no enhanced code. */
	smtp_reply_reset(r);
	assert_int_equal(smtp_reply_line(r, SLICE("450 5.7.1 confused")), 1);
	assert_int_equal(r->enhanced.class, 0);
	struct smtp_enhanced e;
	assert_true(smtp_enhanced_parse(SLICE("4.7.650"), &e));
	assert_int_equal(e.detail, 650);
	assert_false(smtp_enhanced_parse(SLICE("3.1.1 x"), &e));
	assert_false(smtp_enhanced_parse(SLICE("5.1"), &e));
	assert_false(smtp_enhanced_parse(SLICE("5.1.1000"), &e));
	assert_false(smtp_enhanced_parse(SLICE("5.1.1.1"), &e));
}

static void garbage_is_refused(void **state)
{
	struct smtp_reply *r = *state;
	static const char *const lines[] = { "",         "2",         "25",       "25x ok",
		                             "HTTP/1.1", "199 early", "600 late", "250\tok",
		                             "250:ok",   "-50 ok",    " 250 ok" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		smtp_reply_reset(r);
		assert_int_equal(smtp_reply_line(r, slice_from_str(lines[i])), -EPROTO);
	}
	smtp_reply_reset(r);
	assert_int_equal(smtp_reply_line(r, SLICE("250-one")), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("550 two")), -EPROTO);
}

static void limits_hold(void **state)
{
	struct smtp_reply *r = *state;
	char *line = mem_alloc(SMTP_REPLY_LINE_MAX + 1);
	memset(line, 'x', SMTP_REPLY_LINE_MAX + 1);
	memcpy(line, "250-", 4);
	assert_int_equal(smtp_reply_line(r, slice_of(line, SMTP_REPLY_LINE_MAX + 1)), -EMSGSIZE);
	smtp_reply_reset(r);
	int rc = 0;
	int taken = 0;
	while ((rc = smtp_reply_line(r, slice_of(line, SMTP_REPLY_LINE_MAX))) == 0)
		taken++;
	assert_int_equal(rc, -EMSGSIZE);
	assert_in_range(taken, SMTP_REPLY_BYTES_MAX / SMTP_REPLY_LINE_MAX - 1,
	                SMTP_REPLY_BYTES_MAX / SMTP_REPLY_LINE_MAX + 1);
	smtp_reply_reset(r);
	for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
		assert_int_equal(smtp_reply_line(r, SLICE("250-x")), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("250 x")), -EMSGSIZE);
	free(line);
}

static void text_is_printable(void **state)
{
	struct smtp_reply *r = *state;
	struct arena *arena = arena_new();
	assert_int_equal(smtp_reply_line(r, slice_of("550-a\0b\x1b[2Jc", 12)), 0);
	assert_int_equal(smtp_reply_line(r, SLICE("550 next")), 1);
	assert_true(slice_equal(smtp_reply_text(r, arena, 100), SLICE("a b [2Jc next")));
	assert_true(slice_equal(smtp_reply_text(r, arena, 3), SLICE("a b")));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(many_lines_make_one_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(enhanced_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(text_is_printable, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
