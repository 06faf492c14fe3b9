#include "smtp/smtp_attribute.h"

#include "base/codec.h"
#include "base/cursor.h"

enum { NAME_MAX_BYTES = 16, VALUE_MAX_BYTES = 1024, TEXT_MAX_BYTES = 255 };

/* Checks a decoded value, and may put it right. */
typedef bool (*attribute_check)(struct arena *arena, struct slice *value);

static bool is_text_byte(char c) { return c > 0x20 && c < 0x7f; }

static bool check_text(struct arena *arena, struct slice *value)
{
	struct cursor c = cursor_of(*value);
	(void)arena;
	return take_while(&c, is_text_byte, TEXT_MAX_BYTES, value) && cursor_at_end(&c);
}

static bool is_host_byte(char c) { return byte_is_alnum(c) || c == '-' || c == '.' || c == '_'; }

static bool check_name(struct arena *arena, struct slice *value)
{
	struct cursor c = cursor_of(*value);
	(void)arena;
	return take_while(&c, is_host_byte, TEXT_MAX_BYTES, value) && cursor_at_end(&c);
}

/* address = IPv4 / "IPV6:" IPv6 */
static bool check_address(struct arena *arena, struct slice *value)
{
	char text[NET_ADDRESS_TEXT_MAX];
	struct net_network one; /* a network is never a name, a port or a path */
	struct net_address a;
	bool is_v6 = slice_starts_with_nocase(*value, SLICE("IPV6:"));
	struct slice ip = slice_from(*value, is_v6 ? 5 : 0);
	if (slice_find_byte(ip, '/') >= 0 || net_network_parse(ip, &one) < 0 ||
	    net_address_parse(ip, 0, &a) < 0 || (a.any.sa_family == AF_INET6) != is_v6)
		return false;
	*value = arena_copy(arena, slice_from_str(net_address_ip(&a, text)));
	return true;
}

static bool check_port(struct arena *arena, struct slice *value)
{
	uint64_t port;
	(void)arena;
	return value->len <= 5 && slice_to_u64(*value, &port) && port <= UINT16_MAX;
}

static bool check_word(struct slice *value, struct slice a, struct slice b)
{
	if (slice_equal_nocase(*value, a))
		*value = a;
	else if (slice_equal_nocase(*value, b))
		*value = b;
	else
		return false;
	return true;
}

static bool check_protocol(struct arena *arena, struct slice *value)
{
	(void)arena;
	return check_word(value, SLICE("SMTP"), SLICE("ESMTP"));
}

static bool check_source(struct arena *arena, struct slice *value)
{
	(void)arena;
	return check_word(value, SLICE("LOCAL"), SLICE("REMOTE"));
}

static const struct {
	struct slice name;
	attribute_check check;
} kinds[SMTP_ATTRIBUTE_COUNT] = {
	[SMTP_ATTRIBUTE_NAME] = { { "NAME", 4 }, check_name },
	[SMTP_ATTRIBUTE_ADDR] = { { "ADDR", 4 }, check_address },
	[SMTP_ATTRIBUTE_PORT] = { { "PORT", 4 }, check_port },
	[SMTP_ATTRIBUTE_PROTO] = { { "PROTO", 5 }, check_protocol },
	[SMTP_ATTRIBUTE_HELO] = { { "HELO", 4 }, check_text },
	[SMTP_ATTRIBUTE_LOGIN] = { { "LOGIN", 5 }, check_text },
	[SMTP_ATTRIBUTE_DESTADDR] = { { "DESTADDR", 8 }, check_address },
	[SMTP_ATTRIBUTE_DESTPORT] = { { "DESTPORT", 8 }, check_port },
	[SMTP_ATTRIBUTE_IDENT] = { { "IDENT", 5 }, check_text },
	[SMTP_ATTRIBUTE_SOURCE] = { { "SOURCE", 6 }, check_source },
};

const char *smtp_attribute_names(unsigned allowed)
{
	return allowed == SMTP_XCLIENT_ATTRIBUTES
	               ? "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
	               : "NAME ADDR PORT PROTO HELO IDENT SOURCE";
}

static bool is_unavailable(struct slice value)
{
	return slice_equal_nocase(value, SLICE("[UNAVAILABLE]")) ||
	       slice_equal_nocase(value, SLICE("[TEMPUNAVAIL]"));
}

static bool is_value_byte(char c) { return c > 0x20 && c < 0x7f; }

/* attribute = name "=" xtext */
static bool take_attribute(struct cursor *c, struct arena *arena, unsigned allowed,
                           struct smtp_attributes *out)
{
	struct slice name, text, value;
	size_t which = 0;
	if (!take_while(c, byte_is_alnum, NAME_MAX_BYTES, &name) || !take_byte(c, '=') ||
	    !take_while(c, is_value_byte, VALUE_MAX_BYTES, &text))
		return false;
	while (which < SMTP_ATTRIBUTE_COUNT && !slice_equal_nocase(kinds[which].name, name))
		which++;
	if (which == SMTP_ATTRIBUTE_COUNT || !(allowed & 1u << which) || out->given & 1u << which)
		return false;
	out->given |= 1u << which;
	out->values[which] = SLICE_EMPTY;
	if (is_unavailable(text))
		return true;
	if (!xtext_decode(arena, text, &value) || !kinds[which].check(arena, &value))
		return false;
	out->values[which] = value;
	return true;
}

bool smtp_parse_attributes(struct arena *arena, struct slice argument, unsigned allowed,
                           struct smtp_attributes *out)
{
	struct cursor c = cursor_of(argument);
	*out = (struct smtp_attributes){ 0 };
	do {
		skip_space(&c);
		if (!take_attribute(&c, arena, allowed, out))
			return false;
	} while (cursor_peek(&c) == ' ' || cursor_peek(&c) == '\t');
	return cursor_at_end(&c);
}
