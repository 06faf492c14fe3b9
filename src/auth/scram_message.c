#include "auth/scram_message.h"

#include "base/codec.h"
#include "base/cursor.h"

enum { NAME_MAX_BYTES = 1024, NONCE_MAX_BYTES = 1024, BINDING_MAX_BYTES = 64 };

static bool is_binding(char c) { return byte_is_alnum(c) || c == '.' || c == '-'; }

/* value-safe-char and "=", which begins an escape */
static bool is_name(char c) { return c != ',' && c != '\0'; }

/* printable = %x21-2B / %x2D-7E */
static bool is_printable(char c) { return c > ' ' && c < '\x7f' && c != ','; }

/* saslname = 1*(value-safe-char / "=2C" / "=3D") */
static bool take_name(struct arena *a, struct cursor *c, struct slice *out)
{
	struct slice text;
	if (!take_while(c, is_name, NAME_MAX_BYTES, &text) || !slice_is_utf8(text))
		return false;
	char *plain = arena_alloc(a, text.len);
	struct cursor at = cursor_of(text);
	size_t len = 0;
	while (!cursor_at_end(&at)) {
		if (take_text(&at, SLICE("=2C")))
			plain[len++] = ',';
		else if (take_text(&at, SLICE("=3D")))
			plain[len++] = '=';
		else if (cursor_peek(&at) == '=' || !take_any(&at, &plain[len++]))
			return false;
	}
	*out = slice_of(plain, len);
	return true;
}

/* gs2-header = ("n" / "y" / "p=" cb-name) "," ["a=" saslname] "," */
static bool take_header(struct arena *a, struct cursor *c, struct scram_first *out)
{
	if (!take_any(c, &out->flag))
		return false;
	if (out->flag == 'p') {
		if (!take_byte(c, '=') ||
		    !take_while(c, is_binding, BINDING_MAX_BYTES, &out->binding))
			return false;
	} else if (out->flag != 'n' && out->flag != 'y') {
		return false;
	}
	if (!take_byte(c, ',') ||
	    (take_text(c, SLICE("a=")) && !take_name(a, c, &out->authorize_as)))
		return false;
	return take_byte(c, ',');
}

/* Extensions that nobody needs to know: *("," ALPHA "=" 1*value-char). */
static bool skip_extensions(struct cursor *c)
{
	struct slice value;
	char letter;
	while (!cursor_at_end(c)) {
		if (!take_byte(c, ',') || !take_any(c, &letter) || !byte_is_alpha(letter) ||
		    !take_byte(c, '=') || !take_while(c, is_name, SIZE_MAX, &value))
			return false;
	}
	return true;
}

/* client-first-message = gs2-header "n=" saslname ",r=" c-nonce ["," extensions]
 * Extensions that must be understood ("m=" before the name) are not. */
bool scram_parse_first(struct arena *a, struct slice message, struct scram_first *out)
{
	struct cursor c = cursor_of(message);
	struct scram_first m = { .flag = 0 };
	if (!take_header(a, &c, &m))
		return false;
	m.bare = cursor_rest(&c);
	m.header = slice_sub(message, 0, message.len - m.bare.len);
	if (!take_text(&c, SLICE("n=")) || !take_name(a, &c, &m.name) ||
	    !take_text(&c, SLICE(",r=")) ||
	    !take_while(&c, is_printable, NONCE_MAX_BYTES, &m.nonce) || !skip_extensions(&c))
		return false;
	*out = m;
	return true;
}

/* client-final-message = "c=" base64 ",r=" nonce ["," extensions] ",p=" base64 */
bool scram_parse_final(struct arena *a, struct slice message, struct scram_final *out)
{
	struct scram_final m;
	struct slice bound, proof;
	ptrdiff_t comma = slice_find_last_byte(message, ',');
	if (comma < 0)
		return false;
	m.unproved = slice_sub(message, 0, (size_t)comma);
	struct cursor last = cursor_of(slice_from(message, (size_t)comma + 1));
	if (!take_text(&last, SLICE("p=")))
		return false;
	proof = cursor_rest(&last);
	struct cursor c = cursor_of(m.unproved);
	if (!take_text(&c, SLICE("c=")) || !take_until(&c, ',', SIZE_MAX, &bound) ||
	    !take_text(&c, SLICE(",r=")) ||
	    !take_while(&c, is_printable, 2 * NONCE_MAX_BYTES, &m.nonce) || !skip_extensions(&c))
		return false;
	if (!base64_decode(a, bound, &m.bound) || !base64_decode(a, proof, &m.proof))
		return false;
	*out = m;
	return true;
}
