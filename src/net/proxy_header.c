#include "net/proxy_header.h"

#include <errno.h>

#include "base/checksum.h"
#include "base/cursor.h"

#define V1_BEGINS SLICE("PROXY ")
#define V2_BEGINS SLICE("\r\n\r\n\0\r\nQUIT\n")
/* The shortest header of version 1, "PROXY UNKNOWN" and its line end, is longer. */
#define SIGNATURE_BYTES 12
#define V2_FIXED_BYTES  16 /* signature, command, family, length */

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
/* Address family and transport; datagrams are no mail. */
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX = 0x31 };
enum { V2_TCP4_BYTES = 12, V2_TCP6_BYTES = 36, V2_UNIX_BYTES = 216 };
enum { TLV_CRC32C = 0x03, TLV_HEAD_BYTES = 3, CRC32C_BYTES = 4 };

static int bad(const char *why, const char **why_out)
{
	*why_out = why;
	return -EPROTO;
}

static unsigned byte_at(struct slice s, size_t i) { return (unsigned char)s.data[i]; }
static unsigned u16_at(struct slice s, size_t i) { return byte_at(s, i) << 8 | byte_at(s, i + 1); }

/* The first of two texts has begun as the second does, as far as it goes. */
static bool begins_as(struct slice bytes, struct slice whole)
{
	return bytes.len < whole.len ? slice_starts_with(whole, bytes)
	                             : slice_starts_with(bytes, whole);
}

/* --- version 1 ----------------------------------------------------------------------- */

static bool take_v1_address(struct cursor *c, sa_family_t family, struct net_address *out)
{
	struct slice word;
	struct cursor ahead = *c;
	char literal[NET_ADDRESS_TEXT_MAX];
	if (!take_until(&ahead, ' ', INET6_ADDRSTRLEN - 1, &word) || !take_byte(&ahead, ' '))
		return false;
	/* The brackets keep a port from being taken for a part of the address. */
	int len = family == AF_INET6 ? snprintf(literal, sizeof(literal), "[%.*s]", SLICE_ARG(word))
	                             : snprintf(literal, sizeof(literal), "%.*s", SLICE_ARG(word));
	if (word.len == 0 || slice_find_byte(word, '\0') >= 0 ||
	    (family == AF_INET && slice_find_byte(word, ':') >= 0) ||
	    net_address_parse(slice_of(literal, (size_t)len), 0, out) < 0 ||
	    out->any.sa_family != family)
		return false;
	*c = ahead;
	return true;
}

static bool take_v1_port(struct cursor *c, struct net_address *a)
{
	uint64_t port;
	bool zero_first = cursor_peek(c) == '0';
	size_t before = cursor_left(c);
	if (!take_number(c, UINT16_MAX, &port) || (zero_first && before - cursor_left(c) > 1))
		return false;
	net_address_set_port(a, (uint16_t)port);
	return true;
}

/* header = "PROXY" SP ( "TCP4" / "TCP6" ) SP source SP destination SP port SP port CRLF
 *        / "PROXY" SP "UNKNOWN" *( any ) CRLF                                   section 2.1 */
static int parse_v1(struct slice line, struct proxy_header *out, const char **why_out)
{
	struct cursor c = cursor_of(line);
	sa_family_t family = AF_INET6;
	if (!take_text(&c, V1_BEGINS))
		return bad("no header", why_out);
	if (take_text(&c, SLICE("UNKNOWN")))
		return cursor_at_end(&c) || cursor_peek(&c) == ' ' ? 1 : bad("protocol", why_out);
	if (take_text(&c, SLICE("TCP4 ")))
		family = AF_INET;
	else if (!take_text(&c, SLICE("TCP6 ")))
		return bad("protocol", why_out);
	if (!take_v1_address(&c, family, &out->source) ||
	    !take_v1_address(&c, family, &out->destination))
		return bad("address", why_out);
	if (!take_v1_port(&c, &out->source) || !take_byte(&c, ' ') ||
	    !take_v1_port(&c, &out->destination) || !cursor_at_end(&c))
		return bad("port", why_out);
	out->has_addresses = true;
	return 1;
}

static int find_v1(struct slice bytes, struct proxy_header *out, const char **why_out)
{
	struct slice held = slice_sub(bytes, 0, PROXY_HEADER_V1_MAX);
	ptrdiff_t end = slice_find_byte(held, '\n');
	if (end < 0)
		return held.len < PROXY_HEADER_V1_MAX ? 0 : bad("too long", why_out);
	if (end == 0 || held.data[end - 1] != '\r')
		return bad("line end", why_out);
	out->size_bytes = (size_t)end + 1;
	return parse_v1(slice_sub(held, 0, (size_t)end - 1), out, why_out);
}

/* --- version 2 ----------------------------------------------------------------------- */

static struct net_address address_v4(struct slice ip, unsigned port)
{
	struct net_address a = { .len = sizeof(a.v4) };
	a.v4.sin_family = AF_INET;
	memcpy(&a.v4.sin_addr, ip.data, sizeof(a.v4.sin_addr));
	net_address_set_port(&a, (uint16_t)port);
	return a;
}

static struct net_address address_v6(struct slice ip, unsigned port)
{
	struct net_address a = { .len = sizeof(a.v6) };
	a.v6.sin6_family = AF_INET6;
	memcpy(&a.v6.sin6_addr, ip.data, sizeof(a.v6.sin6_addr));
	net_address_set_port(&a, (uint16_t)port);
	return a;
}

static bool checksum_fits(struct slice header, size_t at)
{
	uint32_t given = (uint32_t)u16_at(header, at) << 16 | u16_at(header, at + 2);
	uint32_t crc = checksum_add(0, slice_sub(header, 0, at));
	crc = checksum_add(crc, SLICE("\0\0\0\0"));
	return checksum_add(crc, slice_from(header, at + CRC32C_BYTES)) == given;
}

/* tlv = type length(2) value                                                    section 2.2 */
static int check_tlvs(struct slice header, size_t at, const char **why_out)
{
	while (at < header.len) {
		if (header.len - at < TLV_HEAD_BYTES)
			return bad("TLV", why_out);
		unsigned type = byte_at(header, at), len = u16_at(header, at + 1);
		at += TLV_HEAD_BYTES;
		if (len > header.len - at)
			return bad("TLV", why_out);
		if (type == TLV_CRC32C && (len != CRC32C_BYTES || !checksum_fits(header, at)))
			return bad("checksum", why_out);
		at += len;
	}
	return 1;
}

/* Reads the addresses of the family; their size, or SIZE_MAX for a family that there is not. */
static size_t read_v2_addresses(unsigned family, struct slice at, struct proxy_header *out)
{
	switch (family) {
	case V2_UNSPEC:
		return 0;
	case V2_UNIX:
		return V2_UNIX_BYTES;
	case V2_TCP4:
		if (at.len < V2_TCP4_BYTES)
			return V2_TCP4_BYTES;
		out->source = address_v4(at, u16_at(at, 8));
		out->destination = address_v4(slice_from(at, 4), u16_at(at, 10));
		out->has_addresses = true;
		return V2_TCP4_BYTES;
	case V2_TCP6:
		if (at.len < V2_TCP6_BYTES)
			return V2_TCP6_BYTES;
		out->source = address_v6(at, u16_at(at, 32));
		out->destination = address_v6(slice_from(at, 16), u16_at(at, 34));
		out->has_addresses = true;
		return V2_TCP6_BYTES;
	default:
		return SIZE_MAX;
	}
}

static int parse_v2(struct slice bytes, struct proxy_header *out, const char **why_out)
{
	if (bytes.len < V2_FIXED_BYTES)
		return 0;
	unsigned command = byte_at(bytes, 12), family = byte_at(bytes, 13);
	out->size_bytes = V2_FIXED_BYTES + u16_at(bytes, 14);
	if (command != V2_LOCAL && command != V2_PROXY)
		return bad("version or command", why_out);
	if (bytes.len < out->size_bytes)
		return 0;
	struct slice header = slice_sub(bytes, 0, out->size_bytes);
	/* What a proxy that speaks for itself puts there says nothing, whatever it is. */
	size_t addresses = command == V2_LOCAL && family == V2_UNSPEC
	                           ? 0
	                           : read_v2_addresses(family, slice_from(header, V2_FIXED_BYTES),
	                                               out);
	if (command == V2_LOCAL)
		out->has_addresses = false;
	if (addresses == SIZE_MAX)
		return bad("address family", why_out);
	if (addresses > header.len - V2_FIXED_BYTES)
		return command == V2_LOCAL ? 1 : bad("addresses", why_out);
	return check_tlvs(header, V2_FIXED_BYTES + addresses, why_out);
}

/* --- both ---------------------------------------------------------------------------- */

int proxy_header_parse(struct slice bytes, struct proxy_header *out, const char **why_out)
{
	*out = (struct proxy_header){ 0 };
	if (bytes.len == 0)
		return 0;
	if (begins_as(bytes, V1_BEGINS))
		return find_v1(bytes, out, why_out);
	if (!begins_as(bytes, V2_BEGINS))
		return bad("no header", why_out);
	return parse_v2(bytes, out, why_out);
}

size_t proxy_header_missing(struct slice bytes)
{
	if (bytes.len < SIGNATURE_BYTES)
		return SIGNATURE_BYTES - bytes.len;
	if (slice_starts_with(bytes, V1_BEGINS))
		return bytes.data[bytes.len - 1] == '\r' ? 1 : 2;
	if (bytes.len < V2_FIXED_BYTES)
		return V2_FIXED_BYTES - bytes.len;
	return V2_FIXED_BYTES + u16_at(bytes, 14) - bytes.len;
}
