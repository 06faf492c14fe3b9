/* The grammar is that of RFC 5092 section 11, less what is not about a message. */
#include "message/imap_url.h"

#include "message/section_text.h"

/* --- characters ---------------------------------------------------------------------- */

/* unreserved / sub-delims / pct-encoded, but ";" */
static bool is_achar(char c) { return byte_is_alnum(c) || (c && strchr("-._~!$'()*+,&=%", c)); }

/* Many write addresses as they are. */
static bool is_user_char(char c) { return is_achar(c) || c == '@'; }

static bool is_bchar(char c) { return is_achar(c) || c == ':' || c == '@' || c == '/'; }

static bool is_host_char(char c) { return byte_is_alnum(c) || c == '-' || c == '.' || c == '_'; }

static bool is_ip_char(char c) { return byte_is_alnum(c) || c == ':' || c == '.'; }

static bool is_mechanism_char(char c) { return byte_is_alnum(c) || c == '-' || c == '.'; }

static bool is_date_char(char c) { return byte_is_alnum(c) || strchr(":.+-", c); }

static bool is_hex(char c) { return byte_hex_value(c) >= 0; }

/* Percent signs resolved; false for one that stands alone, and for NUL, CR and LF, which can be in
 * no name. */
static bool decode(struct arena *arena, struct slice text, struct slice *out)
{
	char *bytes = arena_alloc(arena, text.len ? text.len : 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '%') {
			struct slice digits = slice_sub(text, i + 1, 2);
			if (digits.len != 2 || !is_hex(digits.data[0]) || !is_hex(digits.data[1]))
				return false;
			c = (char)(byte_hex_value(digits.data[0]) << 4 |
			           byte_hex_value(digits.data[1]));
			i += 2;
		}
		if (c == '\0' || c == '\r' || c == '\n')
			return false;
		bytes[len++] = c;
	}
	struct slice decoded = slice_of(bytes, len);
	if (!slice_is_utf8(decoded))
		return false;
	*out = decoded;
	return true;
}

static bool take_decoded(struct cursor *c, struct arena *arena, bool (*is_member)(char),
                         struct slice *out)
{
	struct slice text;
	return take_while(c, is_member, IMAP_URL_MAX, &text) && decode(arena, text, out);
}

/* nz-number, or number */
static bool take_uint(struct cursor *c, uint32_t min, uint32_t *out)
{
	uint64_t value;
	if (!take_number(c, UINT32_MAX, &value) || value < min)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* --- the server ---------------------------------------------------------------------- */

/* host [":" port] */
static bool take_host(struct cursor *c, struct imap_url *url)
{
	const char *start = c->at;
	struct slice host;
	uint32_t port = 0;
	if (take_byte(c, '[')) {
		if (!take_while(c, is_ip_char, IMAP_URL_MAX, &host) || !take_byte(c, ']'))
			return false;
	} else if (!take_while(c, is_host_char, IMAP_URL_MAX, &host)) {
		return false;
	}
	url->host = slice_of(start, (size_t)(c->at - start));
	if (take_byte(c, ':') && (!take_uint(c, 1, &port) || port > UINT16_MAX))
		return false;
	url->port = port;
	return true;
}

/* iserver = [iuserinfo "@"] host [":" port]; iuserinfo = enc-user [iauth] / [enc-user] iauth. How
 * to log in is for those who have to. */
static bool take_server(struct cursor *c, struct arena *arena, struct imap_url *url)
{
	struct cursor at = *c;
	struct slice text, user = SLICE_EMPTY, mechanism;
	if (take_while(&at, is_achar, IMAP_URL_MAX, &text) && !decode(arena, text, &user))
		return false;
	if (take_text_nocase(&at, SLICE(";AUTH=")) &&
	    !take_decoded(&at, arena, is_achar, &mechanism))
		return false;
	if (take_byte(&at, '@')) {
		if (at.at - c->at == 1)
			return false;
		url->user = user;
		*c = at;
	}
	return take_host(c, url) && take_byte(c, '/');
}

/* --- the message --------------------------------------------------------------------- */

/* Names of header fields are atoms or between quotes; a URL has no place for literals. */
static bool is_field_char(char c) { return c > ' ' && c < 0x7f && !strchr("(){%*\"\\]", c); }

static bool take_field(struct cursor *c, struct arena *arena, struct slice *out)
{
	struct cursor at = *c;
	(void)arena;
	if (take_byte(&at, '"')) {
		if (!take_until(&at, '"', IMAP_URL_MAX, out) || slice_find_byte(*out, '\\') >= 0)
			return false;
		at.at++;
		*c = at;
		return true;
	}
	return take_while(c, is_field_char, IMAP_URL_MAX, out);
}

/* imailbox-ref = enc-mailbox [uidvalidity], and the "/" that leads on to the message. Without
 * UIDVALIDITY it has been taken for a part of the name. */
static bool take_mailbox(struct cursor *c, struct arena *arena, struct imap_url *url)
{
	struct slice text;
	if (!take_while(c, is_bchar, IMAP_URL_MAX, &text))
		return false;
	if (take_text_nocase(c, SLICE(";UIDVALIDITY="))) {
		if (!take_uint(c, 1, &url->uid_validity) || !take_byte(c, '/'))
			return false;
	} else if (slice_ends_with(text, SLICE("/"))) {
		text.len--;
	} else {
		return false;
	}
	return text.len > 0 && decode(arena, text, &url->mailbox);
}

/* isection = "/;SECTION=" enc-section */
static bool take_section(struct cursor *c, struct arena *arena, struct imap_url *url)
{
	struct slice text, spec;
	if (!take_text_nocase(c, SLICE("/;SECTION=")))
		return true;
	if (!take_while(c, is_bchar, IMAP_URL_MAX, &text))
		return false;
	struct cursor behind = *c;
	if (take_text_nocase(&behind, SLICE(";PARTIAL=")) && slice_ends_with(text, SLICE("/"))) {
		text.len--;
		c->at--;
	}
	if (!decode(arena, text, &spec))
		return false;
	struct cursor at = cursor_of(spec);
	return message_take_section(&at, arena, take_field, &url->section) && cursor_at_end(&at);
}

/* ipartial = "/;PARTIAL=" partial-range; partial-range = number ["." nz-number] */
static bool take_partial(struct cursor *c, struct imap_url *url)
{
	if (!take_text_nocase(c, SLICE("/;PARTIAL=")))
		return true;
	url->has_partial = true;
	return take_uint(c, 0, &url->offset) &&
	       (!take_byte(c, '.') || take_uint(c, 1, &url->length));
}

/* --- the authorization --------------------------------------------------------------- */

/* access = ("submit+" enc-user) / ("user+" enc-user) / "authuser" / "anonymous" */
static bool take_access(struct cursor *c, struct arena *arena, struct imap_url *url)
{
	if (take_text_nocase(c, SLICE("submit+")))
		url->access = URL_ACCESS_SUBMIT;
	else if (take_text_nocase(c, SLICE("user+")))
		url->access = URL_ACCESS_USER;
	else if (take_text_nocase(c, SLICE("authuser")))
		url->access = URL_ACCESS_AUTHUSER;
	else if (take_text_nocase(c, SLICE("anonymous")))
		url->access = URL_ACCESS_ANONYMOUS;
	else
		return false;
	return url->access == URL_ACCESS_AUTHUSER || url->access == URL_ACCESS_ANONYMOUS ||
	       take_decoded(c, arena, is_user_char, &url->access_user);
}

/* expire = ";EXPIRE=" date-time */
static bool take_expiry(struct cursor *c, struct imap_url *url)
{
	struct slice text;
	struct date date;
	if (!take_text_nocase(c, SLICE(";EXPIRE=")))
		return true;
	if (!take_while(c, is_date_char, DATE_TEXT_MAX, &text) || !date_parse_internet(text, &date))
		return false;
	url->has_expiry = true;
	url->expiry_s = date.unix_s;
	return true;
}

/* iurlauth-rump = [expire] ";URLAUTH=" access; iua-verifier = ":" uauth-mechanism ":" enc-urlauth
 */
static bool take_authorization(struct cursor *c, struct arena *arena, struct slice text,
                               struct imap_url *url)
{
	if (cursor_at_end(c))
		return true;
	if (!url->absolute || !take_expiry(c, url) || !take_text_nocase(c, SLICE(";URLAUTH=")) ||
	    !take_access(c, arena, url))
		return false;
	url->rump = slice_sub(text, 0, (size_t)(c->at - text.data));
	if (cursor_at_end(c))
		return true;
	return take_byte(c, ':') &&
	       take_while(c, is_mechanism_char, IMAP_URL_TOKEN_MAX, &url->mechanism) &&
	       take_byte(c, ':') && take_while(c, is_hex, IMAP_URL_TOKEN_MAX, &url->token) &&
	       url->token.len >= IMAP_URL_TOKEN_MIN;
}

/* --- the whole ----------------------------------------------------------------------- */

/* "imap://" iserver "/" imailbox-ref "/" / "/" imailbox-ref "/" / nothing */
static bool take_place(struct cursor *c, struct arena *arena, struct imap_url *url)
{
	if (take_text_nocase(c, SLICE("imap://"))) {
		url->absolute = true;
		return take_server(c, arena, url) && take_mailbox(c, arena, url);
	}
	if (take_byte(c, '/'))
		return take_mailbox(c, arena, url);
	url->of_selected = true;
	return true;
}

bool imap_url_parse(struct slice text, struct arena *arena, struct imap_url *out)
{
	struct imap_url url = { .user = SLICE_EMPTY };
	struct cursor c = cursor_of(text);
	if (text.len > IMAP_URL_MAX || !take_place(&c, arena, &url) ||
	    !take_text_nocase(&c, SLICE(";UID=")) || !take_uint(&c, 1, &url.uid) ||
	    !take_section(&c, arena, &url) || !take_partial(&c, &url) ||
	    !take_authorization(&c, arena, text, &url) || !cursor_at_end(&c))
		return false;
	*out = url;
	return true;
}
