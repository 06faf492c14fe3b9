#include "auth/oauth_message.h"

#include <jansson.h>

#include "base/cursor.h"

#define SEPARATOR '\1'

/* --- pairs -------------------------------------------------------------------------------- */

static bool is_value(char c)
{
	return ((unsigned char)c >= ' ' && c != '\x7f') || c == '\t' || c == '\r' || c == '\n';
}

static bool is_key(char c) { return byte_is_alpha(c); }

/* b64token of RFC 6750 section 2.1 */
static bool is_token(char c)
{
	return byte_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' ||
	       c == '/' || c == '=';
}

/* kvpair = key "=" value kvsep                                   RFC 7628 section 3.1 */
static bool take_pair(struct cursor *c, struct slice *key, struct slice *value)
{
	if (!take_while(c, is_key, 64, key) || !take_byte(c, '='))
		return false;
	if (!take_while(c, is_value, SIZE_MAX, value))
		*value = SLICE_EMPTY;
	return take_byte(c, SEPARATOR);
}

/* credentials = "Bearer" 1*SP b64token */
static bool read_token(struct slice value, struct slice *out)
{
	struct cursor c = cursor_of(value);
	if (!take_text_nocase(&c, SLICE("Bearer ")))
		return false;
	while (take_byte(&c, ' '))
		;
	return take_while(&c, is_token, SIZE_MAX, out) && cursor_at_end(&c);
}

/* *kvpair kvsep, to the end. user: a key that names the identity, or empty. Keys that nobody here
 * knows (host, port) are for others; none that matters may stand twice. */
static bool read_pairs(struct cursor *c, struct slice user, struct oauth_message *out)
{
	struct slice key, value;
	bool has_token = false, has_user = false;
	while (!take_byte(c, SEPARATOR)) {
		if (!take_pair(c, &key, &value))
			return false;
		if (slice_equal(key, SLICE("auth"))) {
			if (has_token || (value.len > 0 && !read_token(value, &out->token)))
				return false;
			has_token = true;
		} else if (user.len > 0 && slice_equal(key, user)) {
			if (has_user)
				return false;
			out->identity = value;
			has_user = true;
		}
	}
	return cursor_at_end(c);
}

/* --- messages ----------------------------------------------------------------------------- */

static bool is_saslname(char c) { return c != ',' && c != '\0' && c != SEPARATOR; }

/* saslname = 1*(value-safe-char / "=2C" / "=3D")                 RFC 5801 section 4 */
static bool decode_saslname(struct arena *a, struct slice text, struct slice *out)
{
	char *plain = arena_alloc(a, text.len);
	struct cursor c = cursor_of(text);
	size_t len = 0;
	while (!cursor_at_end(&c)) {
		if (take_text_nocase(&c, SLICE("=2C")))
			plain[len++] = ',';
		else if (take_text_nocase(&c, SLICE("=3D")))
			plain[len++] = '=';
		else if (cursor_peek(&c) == '=' || !take_any(&c, &plain[len++]))
			return false;
	}
	*out = slice_of(plain, len);
	return true;
}

/* gs2-header = ("n" / "y") "," ["a=" saslname] ","               RFC 5801 section 4
 * There is nothing to bind a token to, so that "p" is refused. */
static bool take_gs2_header(struct arena *a, struct cursor *c, struct slice *identity)
{
	struct slice name;
	if ((!take_byte(c, 'n') && !take_byte(c, 'y')) || !take_byte(c, ','))
		return false;
	if (take_text(c, SLICE("a=")) &&
	    (!take_while(c, is_saslname, SIZE_MAX, &name) || !decode_saslname(a, name, identity)))
		return false;
	return take_byte(c, ',');
}

bool oauth_parse_bearer(struct arena *a, struct slice message, struct oauth_message *out)
{
	struct cursor c = cursor_of(message);
	struct oauth_message m = { SLICE_EMPTY, SLICE_EMPTY };
	if (!take_gs2_header(a, &c, &m.identity) || !take_byte(&c, SEPARATOR) ||
	    !read_pairs(&c, SLICE_EMPTY, &m))
		return false;
	*out = m;
	return true;
}

/* "user=" name ^A "auth=Bearer " token ^A ^A */
bool oauth_parse_xoauth2(struct slice message, struct oauth_message *out)
{
	struct cursor c = cursor_of(message);
	struct oauth_message m = { SLICE_EMPTY, SLICE_EMPTY };
	if (!read_pairs(&c, SLICE("user"), &m))
		return false;
	*out = m;
	return true;
}

/* --- errors ------------------------------------------------------------------------------- */

static struct slice dump(struct arena *a, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	struct slice copy = arena_copy(a, slice_from_str(text));
	free(text);
	json_decref(object);
	return copy;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

struct slice oauth_bearer_error(struct arena *a, const char *status, const char *scope,
                                const char *issuer)
{
	json_t *object = json_object();
	set_text(object, "status", status);
	set_text(object, "scope", scope);
	if (issuer && slice_starts_with(slice_from_str(issuer), SLICE("https://")))
		set_text(object, "openid-configuration",
		         arena_printf(a, "%s/.well-known/openid-configuration", issuer));
	return dump(a, object);
}

struct slice oauth_xoauth2_error(struct arena *a, const char *scope)
{
	json_t *object = json_object();
	set_text(object, "status", "401");
	set_text(object, "schemes", "bearer");
	set_text(object, "scope", scope ? scope : "");
	return dump(a, object);
}
