/* RFC 6376 section 3.4, its examples in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "trust/dkim_canon.h"

static void gather(void *arg, struct slice piece) { buf_append(arg, piece); }

static void check_body(enum dkim_canon canon, const char *given, const char *wanted)
{
	struct slice body = slice_from_str(given);
	for (size_t cut = 0; cut <= body.len; cut++) {
		struct dkim_body b;
		struct buf out = buf_make(1 << 20);
		dkim_body_begin(&b, canon, gather, &out);
		dkim_body_add(&b, slice_sub(body, 0, cut));
		for (size_t i = cut; i < body.len; i++)
			dkim_body_add(&b, slice_sub(body, i, 1));
		dkim_body_end(&b);
		assert_int_equal(b.len, strlen(wanted));
		assert_int_equal(out.len, strlen(wanted));
		if (out.len > 0)
			assert_memory_equal(out.data, wanted, out.len);
		buf_free(&out);
	}
}

static void bodies(void **state)
{
	static const char example[] = " C \r\nD \t E\r\n\r\n\r\n";
	(void)state;
	check_body(DKIM_SIMPLE, example, " C \r\nD \t E\r\n");
	check_body(DKIM_RELAXED, example, " C\r\nD E\r\n");
	check_body(DKIM_NOFWS, example, "C\r\nDE\r\n");
	check_body(DKIM_SIMPLE, "", "\r\n");
	check_body(DKIM_RELAXED, "", "");
	check_body(DKIM_SIMPLE, "\r\n\r\n", "\r\n");
	check_body(DKIM_RELAXED, " \t\r\n\r\n ", "");
	check_body(DKIM_SIMPLE, "no end", "no end\r\n");
	check_body(DKIM_RELAXED, "no end \t", "no end\r\n");
	check_body(DKIM_RELAXED, "a\r\n \r\n\r\nb", "a\r\n\r\n\r\nb\r\n");
	check_body(DKIM_RELAXED, "\ta  b", " a b\r\n");
}

/* They are no line ends. */
static void bytes_alone(void **state)
{
	(void)state;
	check_body(DKIM_SIMPLE, "a\rb\nc\r\r\n", "a\rb\nc\r\r\n");
	check_body(DKIM_RELAXED, "a \rb \n c\r", "a \rb \n c\r\r\n");
	check_body(DKIM_RELAXED, "\xC3\xA4 \xC3\xB6  \xC3\xBC\r\n",
	           "\xC3\xA4 \xC3\xB6 \xC3\xBC\r\n");
}

static void much_text(void **state)
{
	struct buf given = buf_make(1 << 20), wanted = buf_make(1 << 20), out = buf_make(1 << 20);
	(void)state;
	for (int i = 0; i < 3000; i++) {
		buf_printf(&given, "line %d  of \t many \r\n", i);
		buf_printf(&wanted, "line %d of many\r\n", i);
	}
	struct dkim_body b;
	dkim_body_begin(&b, DKIM_RELAXED, gather, &out);
	dkim_body_add(&b, buf_slice(&given));
	dkim_body_end(&b);
	assert_true(slice_equal(buf_slice(&out), buf_slice(&wanted)));
	buf_free(&given);
	buf_free(&wanted);
	buf_free(&out);
}

static void check_field(enum dkim_canon canon, const char *given, const char *wanted)
{
	struct buf out = buf_make(4096);
	dkim_canon_field(canon, slice_from_str(given), gather, &out);
	assert_true(slice_equal(buf_slice(&out), slice_from_str(wanted)));
	buf_free(&out);
}

static void fields(void **state)
{
	(void)state;
	check_field(DKIM_RELAXED, "A: X\r\n", "a:X");
	check_field(DKIM_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z");
	check_field(DKIM_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  ");
	check_field(DKIM_RELAXED, "Empty:\r\n", "empty:");
	check_field(DKIM_RELAXED, "Empty: \t\r\n \r\n", "empty:");
	check_field(DKIM_NOFWS, "A: X Y\r\n\tZ\r\n", "A:XYZ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(bytes_alone),
		cmocka_unit_test(much_text),
		cmocka_unit_test(fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
