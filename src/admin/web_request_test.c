#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/web_html.h"
#include "admin/web_request.h"

static bool reads(const char *line, struct web_request *out)
{
	return web_request_line(slice_from_str(line), out);
}

static void request_lines(void **state)
{
	static const char *const wrong[] = { "",
		                             "GET",
		                             "GET /",
		                             "GET / HTTP/2.0",
		                             "GET / HTTP/1.1 ",
		                             "GET  / HTTP/1.1",
		                             " GET / HTTP/1.1",
		                             "GET http://x/ HTTP/1.1",
		                             "GET /\t HTTP/1.1",
		                             "GET /\x80 HTTP/1.1",
		                             "GET / HTTP/1.10",
		                             "G(T / HTTP/1.1" };
	struct web_request r;
	(void)state;
	assert_true(reads("GET /quarantine/ab?x=/y HTTP/1.1", &r));
	assert_int_equal(r.method, WEB_GET);
	assert_true(slice_equal(r.path, SLICE("/quarantine/ab")));
	assert_true(reads("POST / HTTP/1.0", &r));
	assert_int_equal(r.method, WEB_POST);
	assert_true(reads("get / HTTP/1.1", &r));
	assert_int_equal(r.method, WEB_OTHER);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(reads(wrong[i], &r));
}

static void fields(void **state)
{
	static const char *const wrong[] = { "Host : x",
		                             " folded: x",
		                             "no colon",
		                             ": x",
		                             "Content-Length: -1",
		                             "Content-Length: 1x",
		                             "Content-Length: ",
		                             "Content-Length: 1, 1",
		                             "Transfer-Encoding: chunked",
		                             "content-length: 99999999999999999999" };
	struct web_request r = { .body_bytes = 0 };
	(void)state;
	assert_true(web_request_field(SLICE("Host: mail.example.org"), &r));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(web_request_field(slice_from_str(wrong[i]), &r));
	assert_true(web_request_field(SLICE("CONTENT-length:\t12 "), &r));
	assert_int_equal(r.body_bytes, 12);
	/* Two may be read as either. */
	assert_false(web_request_field(SLICE("Content-Length: 12"), &r));
}

static void texts_are_no_markup(void **state)
{
	struct buf out = buf_make(1000);
	(void)state;
	html_put(&out, SLICE("<a href=\"x\" title='y'>&amp;"));
	assert_true(slice_equal(buf_slice(&out), SLICE("&lt;a href=&quot;x&quot; title=&#39;y&#39;"
	                                               "&gt;&amp;amp;")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lines),
		cmocka_unit_test(fields),
		cmocka_unit_test(texts_are_no_markup),
	};
	return cmocka_run_group_tests_name("web_request", tests, NULL, NULL);
}
