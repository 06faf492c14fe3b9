/* Heads of requests over HTTP, and the tokens in their paths. */
#include "fuzz.h"

#include <errno.h>

#include "admin/web_html.h"
#include "admin/web_request.h"
#include "route/quarantine_token.h"

/* Nothing in it ends or begins an element or an attribute. */
static void check_markup(struct slice text)
{
	struct buf out = buf_make(text.len * 6 + 16);
	FUZZ_CHECK(html_put(&out, text) == 0);
	FUZZ_CHECK(slice_find_byte(buf_slice(&out), '<') < 0);
	FUZZ_CHECK(slice_find_byte(buf_slice(&out), '"') < 0);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct quarantine_key key = { "fuzz" };
	struct slice rest = fuzz_input(data, size), line = slice_split(&rest, '\n');
	struct web_request request;
	struct quarantine_token token;
	bool good = web_request_line(line, &request);
	FUZZ_CHECK(!good || (request.path.len > 0 && request.path.data[0] == '/'));
	while (good && rest.len > 0)
		good = web_request_field(slice_split(&rest, '\n'), &request);
	if (good && slice_starts_with(request.path, SLICE("/quarantine/")))
		FUZZ_CHECK(quarantine_token_read(&key, slice_from(request.path, 12), 0, &token) <=
		           0);
	check_markup(line);
	return 0;
}
