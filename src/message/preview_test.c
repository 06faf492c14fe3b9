#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "message/preview.h"

static void assert_preview(const char *message, const char *want)
{
	struct arena *arena = arena_new();
	struct slice got = message_preview(slice_from_str(message), &MESSAGE_LIMITS_DEFAULT, arena);
	if (!slice_equal(got, slice_from_str(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARG(got), want);
	arena_free(arena);
}

static void test_plain(void **state)
{
	(void)state;
	assert_preview("Subject: x\r\n\r\n \r\n\r\n Hello,\r\n\tyou  there\r\n",
	               "Hello, you there");
	assert_preview("Content-Transfer-Encoding: quoted-printable\r\n"
	               "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr=FC=DFe",
	               "Gr\xC3\xBC\xC3\x9F"
	               "e");
	assert_preview("", "");
	assert_preview("Content-Type: image/png\r\n\r\nxyz", "");
}

static void test_html(void **state)
{
	(void)state;
	assert_preview("Content-Type: text/html\r\n\r\n<html><HEAD><title>no</title></head>"
	               "<style>p > a { }</style><p>Fish&nbsp;&amp;<b>chips</b> &lt;3 &bad; "
	               "<!-- a > b --> <script>1 < 2</script>end",
	               "Fish & chips <3 &bad; end");
	assert_preview("Content-Type: text/html\r\n\r\nopen <a href=\"x", "open");
	assert_preview("Content-Type: text/html\r\n\r\n<style>never closed", "");
}

static void test_which_part(void **state)
{
	(void)state;
	assert_preview("Content-Type: multipart/alternative; boundary=b\r\n\r\n"
	               "--b\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n"
	               "--b\r\nContent-Type: text/plain\r\n\r\npoor\r\n--b--\r\n",
	               "poor");
}

static void test_not_too_long(void **state)
{
	struct buf message = buf_make(10000);
	struct arena *arena = arena_new();
	(void)state;
	buf_append(&message, SLICE("Content-Type: text/plain; charset=utf-8\r\n\r\n"));
	for (int i = 0; i < 1000; i++)
		buf_append(&message, SLICE("\xE2\x82\xAC "));
	struct slice got = message_preview(buf_slice(&message), &MESSAGE_LIMITS_DEFAULT, arena);
	assert_int_equal(got.len, 100 * 3 + 99);
	assert_true(slice_is_utf8(got));
	arena_free(arena);
	buf_free(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_which_part),
		cmocka_unit_test(test_not_too_long),
	};
	return cmocka_run_group_tests_name("preview", tests, NULL, NULL);
}
