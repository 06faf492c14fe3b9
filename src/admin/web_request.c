#include "admin/web_request.h"

#include "base/cursor.h"

static bool is_path_byte(char c) { return c > ' ' && c < 0x7f; }

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token_byte(char c)
{
	return byte_is_alnum(c) || (c && slice_find_byte(SLICE("!#$%&'*+-.^_`|~"), c) >= 0);
}

static enum web_method method_of(struct slice text)
{
	if (slice_equal(text, SLICE("GET")))
		return WEB_GET;
	if (slice_equal(text, SLICE("HEAD")))
		return WEB_HEAD;
	return slice_equal(text, SLICE("POST")) ? WEB_POST : WEB_OTHER;
}

bool web_request_line(struct slice line, struct web_request *out)
{
	struct cursor c = cursor_of(line);
	struct slice method, target, minor;
	if (!take_while(&c, is_token_byte, 20, &method) || !take_byte(&c, ' ') ||
	    !take_while(&c, is_path_byte, WEB_LINE_MAX, &target) || !take_byte(&c, ' ') ||
	    !take_text(&c, SLICE("HTTP/1.")) || !take_while(&c, byte_is_digit, 1, &minor) ||
	    !cursor_at_end(&c) || target.data[0] != '/')
		return false;
	*out = (struct web_request){ .method = method_of(method),
		                     .path = slice_split(&target, '?') };
	return true;
}

bool web_request_field(struct slice line, struct web_request *request)
{
	struct cursor c = cursor_of(line);
	struct slice name, value;
	uint64_t length;
	if (!take_while(&c, is_token_byte, 200, &name) || !take_byte(&c, ':'))
		return false;
	value = slice_trim(cursor_rest(&c));
	if (slice_equal_nocase(name, SLICE("Transfer-Encoding")))
		return false;
	if (!slice_equal_nocase(name, SLICE("Content-Length")))
		return true;
	if (request->has_length || !slice_to_u64(value, &length))
		return false;
	request->has_length = true;
	request->body_bytes = length;
	return true;
}
