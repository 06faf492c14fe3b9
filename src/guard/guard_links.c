#include "guard/guard_links.h"

#include <arpa/inet.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "message/address.h"
#include "message/mime.h"

enum { HOST_MAX = 300, REFERENCE_MAX = 10, PARTS_MAX = 200 };

/* --- undoing escapes ---------------------------------------------------------------------- */

/* "&#46;", "&#x2e;", "&amp;" and the few others that can stand in an address. 0: none. */
static char reference_of(struct slice name)
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "amp", '&' },    { "period", '.' }, { "colon", ':' },  { "sol", '/' },
		      { "commat", '@' }, { "quest", '?' },  { "equals", '=' }, { "num", '#' },
		      { "percnt", '%' }, { "lowbar", '_' }, { "quot", '"' },   { "apos", '\'' },
		      { "lt", '<' },     { "gt", '>' },     { "nbsp", ' ' } };
	unsigned value = 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(known[i].name)))
			return known[i].c;
	}
	if (name.len < 2 || name.data[0] != '#')
		return 0;
	bool is_hex = (name.data[1] | 0x20) == 'x';
	for (size_t i = is_hex ? 2 : 1; i < name.len; i++) {
		int digit = byte_hex_value(name.data[i]);
		if (digit < 0 || (!is_hex && digit > 9) || value > 0x7f)
			return 0;
		value = value * (is_hex ? 16 : 10) + (unsigned)digit;
	}
	return value > ' ' && value < 0x7f ? (char)value : 0;
}

bool guard_links_take_reference(struct cursor *c, char *out)
{
	struct cursor here = *c;
	const char *begin;
	if (!take_byte(&here, '&'))
		return false;
	begin = here.at;
	while (!cursor_at_end(&here) && *here.at != ';' && here.at - begin <= REFERENCE_MAX)
		here.at++;
	*out = reference_of(slice_of(begin, (size_t)(here.at - begin)));
	if (*out == 0 || !take_byte(&here, ';'))
		return false;
	*c = here;
	return true;
}

static bool take_percent(struct cursor *c, char *out)
{
	if (cursor_left(c) < 3 || c->at[0] != '%')
		return false;
	int high = byte_hex_value(c->at[1]), low = byte_hex_value(c->at[2]);
	if (high < 0 || low < 0 || high * 16 + low <= ' ')
		return false;
	*out = (char)(high * 16 + low);
	c->at += 3;
	return true;
}

/* Never longer than it was. */
static struct slice plain(struct arena *arena, struct slice text, bool is_html)
{
	struct cursor c = cursor_of(text);
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	while (!cursor_at_end(&c)) {
		if ((is_html && guard_links_take_reference(&c, &out[len])) ||
		    take_percent(&c, &out[len]) || take_any(&c, &out[len]))
			len++;
	}
	return slice_of(out, len);
}

/* --- hosts -------------------------------------------------------------------------------- */

static void add_domain(struct guard_links *out, struct arena *arena, struct slice host)
{
	struct slice domain;
	if (!domain_canonical(arena, host, &domain) || !domain_is_valid(domain) ||
	    slice_find_byte(domain, '.') < 0)
		return;
	for (size_t i = 0; i < out->domain_count; i++) {
		if (slice_equal(out->domains[i], domain))
			return;
	}
	/* Whoever puts forty good links first would have the bad one passed over. */
	size_t at = out->domain_count < GUARD_LINKS_MAX ? out->domain_count++ : GUARD_LINKS_MAX - 1;
	out->domains[at] = arena_copy(arena, domain);
}

static void add_address(struct guard_links *out, const struct net_address *a)
{
	for (size_t i = 0; i < out->address_count; i++) {
		if (net_address_same_host(&out->addresses[i], a))
			return;
	}
	if (out->address_count < GUARD_LINKS_MAX)
		out->addresses[out->address_count++] = *a;
}

/* As browsers read it: "192.0.2.1", but also "3221225985" and "0xc0.0.513". */
static bool read_ipv4(struct slice host, struct net_address *out)
{
	char text[HOST_MAX + 1];
	struct in_addr ip;
	if (host.len == 0 || !byte_is_digit(host.data[0]))
		return false;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(host));
	if (inet_aton(text, &ip) == 0)
		return false;
	*out = (struct net_address){ .len = sizeof(out->v4) };
	out->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = ip };
	return true;
}

static void add_host(struct guard_links *out, struct arena *arena, struct slice host)
{
	struct net_address address;
	while (slice_ends_with(host, SLICE(".")))
		host.len--;
	if (read_ipv4(host, &address))
		add_address(out, &address);
	else
		add_domain(out, arena, host);
}

/* Of a name of any script, a port, and what may stand before "@". */
static bool is_of_authority(char c)
{
	static const struct slice others = { "-._~@:+$", 8 };
	return byte_is_alnum(c) || (unsigned char)c >= 0x80 || slice_find_byte(others, c) >= 0;
}

/* authority = [ userinfo "@" ] host [ ":" port ] */
static void take_authority(struct guard_links *out, struct arena *arena, struct cursor *c)
{
	const char *begin = c->at;
	struct net_address address;
	if (cursor_peek(c) == '[') {
		ptrdiff_t close = slice_find_byte(cursor_rest(c), ']');
		if (close > 1 && close < HOST_MAX &&
		    net_address_parse(slice_of(begin + 1, (size_t)close - 1), 0, &address) == 0 &&
		    address.any.sa_family == AF_INET6)
			add_address(out, &address);
		return;
	}
	while (!cursor_at_end(c) && is_of_authority(*c->at) && c->at - begin < HOST_MAX)
		c->at++;
	struct slice host = slice_of(begin, (size_t)(c->at - begin));
	ptrdiff_t at = slice_find_last_byte(host, '@');
	host = slice_from(host, (size_t)(at + 1));
	add_host(out, arena, slice_split(&host, ':'));
}

static bool begins(struct slice rest, struct slice what)
{
	return slice_starts_with_nocase(rest, what);
}

void guard_links_find_in(struct arena *arena, struct slice text, bool is_html,
                         struct guard_links *out)
{
	struct slice all = plain(arena, text, is_html);
	struct cursor c = cursor_of(all);
	char before = ' ';
	while (!cursor_at_end(&c)) {
		struct slice rest = cursor_rest(&c);
		char here = *c.at;
		size_t skip = 0;
		if (here == ':' && (begins(rest, SLICE("://")) || begins(rest, SLICE(":\\\\"))))
			skip = 3;
		else if (here == '/' && begins(rest, SLICE("//")) && before == '"' && is_html)
			skip = 2;
		if (skip > 0) {
			c.at += skip;
			/* Browsers take any number of them. */
			while (take_byte(&c, '/') || take_byte(&c, '\\'))
				continue;
			take_authority(out, arena, &c);
			before = ' ';
			continue;
		}
		if ((here | 0x20) == 'w' && !byte_is_alnum(before) && before != '.' &&
		    before != '@' && before != '-' && begins(rest, SLICE("www."))) {
			take_authority(out, arena, &c);
			before = ' ';
			continue;
		}
		before = here;
		c.at++;
	}
}

/* --- messages ----------------------------------------------------------------------------- */

void guard_links_find(struct arena *arena, struct slice message,
                      const struct message_limits *limits, struct guard_links *out)
{
	const struct mime_part *p = mime_parse(arena, message, limits);
	size_t left = GUARD_LINKS_BYTES;
	*out = (struct guard_links){ .domain_count = 0 };
	for (int i = 0; p && left > 0 && i < PARTS_MAX; p = mime_next(p), i++) {
		bool is_html = mime_is(p, "text", "html");
		if (p->kind != MIME_LEAF || (!is_html && !mime_is(p, "text", "plain")))
			continue;
		struct slice text = mime_decode_all(arena, p->encoding, mime_body(p, message),
		                                    left);
		text = slice_sub(text, 0, left);
		left -= text.len;
		guard_links_find_in(arena, text, is_html, out);
	}
}
