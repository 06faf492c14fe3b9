#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "message/surrogate.h"

/* NULL: none is needed. */
static const char *made(struct arena *arena, struct slice message)
{
	struct surrogate *s = surrogate_plan(arena, message, &MESSAGE_LIMITS_DEFAULT);
	struct buf out = buf_make((size_t)64 * 1024 * 1024);
	if (!s)
		return NULL;
	assert_int_equal(surrogate_write(s, dot_sink_buf, &out), 0);
	const char *text = arena_str(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

static void needless(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	assert_null(made(arena, SLICE("Subject: a\r\n\r\nb\r\n")));
	assert_null(made(arena, SLICE("")));
	assert_null(made(arena, SLICE("Subject: a\r\n\r\ngr\xC3\xBC\xC3\x9F\x65\r\n")));
	assert_null(
		made(arena, SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n\xC3\xBC\r\n"
	                          "--b\r\n\r\n\xC3\xBC\r\n--b--\r\n\xC3\xBC\r\n")));
	arena_free(arena);
}

static void fields(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	assert_string_equal(
		made(arena, SLICE("Received: by x for <j\xC3\xB6@y.test>\r\n"
	                          "Subject: gr\xC3\xBC\xC3\x9F\x65 an alle\r\n"
	                          "From: J\xC3\xB6rg <j@b\xC3\xBC\x63her.test>\r\n"
	                          "To: j\xC3\xB6@y.test,\r\n Ann \xC3\x84 <\xC3\xA4@y.test>\r\n"
	                          "X-Kept:  just   so \r\n\r\nK\xC3\xB6rper\r\n")),
		"Received: by x for <j??@y.test>\r\n"
		"Subject: =?utf-8?B?Z3LDvMOfZQ==?= an alle\r\n"
		"From: =?utf-8?B?SsO2cmc=?= <j@xn--bcher-kva.test>\r\n"
		"To: =?utf-8?B?asO2QHkudGVzdA==?= "
		"<invalid@internationalized-address.invalid>,\r\n"
		" =?utf-8?B?QW5uIMOE?= <invalid@internationalized-address.invalid>\r\n"
		"X-Kept:  just   so \r\n\r\nK\xC3\xB6rper\r\n");
	arena_free(arena);
}

static void parts(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	const char *text = made(
		arena, SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\nvor\xC3\xBC\r\n"
	                     "--b\r\nContent-Type: text/plain; name=\"\xC3\xBC\"\r\n\r\n"
	                     "\xC3\xBC\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
	                     "Subject: \xC3\xBC\r\n\r\n\xC3\xBC\r\n--b--\r\n"));
	assert_string_equal(text, "Content-Type: multipart/mixed; boundary=b\r\n\r\nvor\xC3\xBC\r\n"
	                          "--b\r\nContent-Type: text/plain;\r\n name*=utf-8''%C3%BC\r\n\r\n"
	                          "\xC3\xBC\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
	                          "Subject: =?utf-8?B?w7w=?=\r\n\r\n\xC3\xBC\r\n--b--\r\n");
	arena_free(arena);
}

/* Whatever it is, the header that comes out is ASCII. */
static void odd_ones(void **state)
{
	struct arena *arena = arena_new();
	struct buf large = buf_make((size_t)4 * 1024 * 1024);
	(void)state;
	buf_append(&large, SLICE("To: "));
	for (size_t i = 0; i < 100000; i++)
		buf_append(&large, SLICE("\xC3\xBC,\xFF "));
	buf_append(&large, SLICE("\r\n\r\n"));
	const struct slice messages[] = {
		SLICE("\xFF\xFE\r\n\r\n"), SLICE("Subject: \xE4\xF6\xFC"),
		SLICE("\xC3: x\r\n\r\n"),  SLICE("To: <\xC3\xBC"),
		buf_slice(&large),
	};
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		assert_true(slice_is_ascii(slice_from_str(made(arena, messages[i]))));
	buf_free(&large);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needless),
		cmocka_unit_test(fields),
		cmocka_unit_test(parts),
		cmocka_unit_test(odd_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
