#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>

static struct net_address from_v4(struct in_addr ip, uint16_t port)
{
	struct net_address a = { .len = sizeof(a.v4) };

	a.v4 = (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons(port),
		                     .sin_addr = ip };
	return a;
}

static struct net_address from_v6(struct in6_addr ip, uint16_t port)
{
	struct net_address a = { .len = sizeof(a.v6) };

	a.v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = ip,
	};
	return a;
}

static bool parse_ip(int family, struct slice text, void *ip_out)
{
	char str[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(str) || memchr(text.data, '\0', text.len))
		return false;
	memcpy(str, text.data, text.len);
	str[text.len] = '\0';
	return inet_pton(family, str, ip_out) == 1;
}

static int parse_local(struct slice path, struct net_address *out)
{
	struct net_address a = { .len = sizeof(a.local) };

	if (path.len == 0 || path.len >= sizeof(a.local.sun_path) ||
	    memchr(path.data, '\0', path.len))
		return -EINVAL;
	a.local = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a.local.sun_path, path.data, path.len);
	*out = a;
	return 0;
}

/* Takes ":port" off the end of text, if there is one behind host_len bytes. */
static bool split_port(struct slice *text, size_t host_len, uint16_t *port)
{
	uint64_t number;

	if (text->len == host_len)
		return true;
	if (text->data[host_len] != ':')
		return false;
	if (!slice_to_u64(slice_from(*text, host_len + 1), &number) || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	text->len = host_len;
	return true;
}

/* address = host [ ":" port ] / "unix:" path
 * host    = "*" / IPv4 / "[" IPv6 "]"        an IPv6 without a port may go without brackets */
int net_address_parse(struct slice text, uint16_t port, struct net_address *out)
{
	struct in_addr v4;
	struct in6_addr v6;
	ptrdiff_t colon = slice_find_byte(text, ':');

	if (slice_starts_with(text, SLICE("unix:")))
		return parse_local(slice_from(text, 5), out);
	if (slice_starts_with(text, SLICE("["))) {
		ptrdiff_t end = slice_find_byte(text, ']');
		if (end < 0 || !split_port(&text, (size_t)end + 1, &port))
			return -EINVAL;
		text = slice_sub(text, 1, text.len - 2);
		if (!parse_ip(AF_INET6, text, &v6))
			return -EINVAL;
		*out = from_v6(v6, port);
		return 0;
	}
	if (colon >= 0 && colon != slice_find_last_byte(text, ':')) {
		if (!parse_ip(AF_INET6, text, &v6))
			return -EINVAL;
		*out = from_v6(v6, port);
		return 0;
	}
	if (!split_port(&text, colon < 0 ? text.len : (size_t)colon, &port))
		return -EINVAL;
	if (slice_equal(text, SLICE("*"))) {
		*out = from_v4((struct in_addr){ INADDR_ANY }, port);
		out->any.sa_family = AF_UNSPEC;
		return 0;
	}
	if (!parse_ip(AF_INET, text, &v4))
		return -EINVAL;
	*out = from_v4(v4, port);
	return 0;
}

/* The address as IPv6, IPv4 mapped; false if it is no IP address. */
static bool to_v6(const struct net_address *a, struct in6_addr *out)
{
	if (a->any.sa_family == AF_INET6) {
		*out = a->v6.sin6_addr;
		return true;
	}
	if (a->any.sa_family != AF_INET)
		return false;
	*out = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&out->s6_addr[12], &a->v4.sin_addr, 4);
	return true;
}

const char *net_address_ip(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX])
{
	struct in6_addr ip;

	if (a->any.sa_family == AF_UNIX) {
		size_t path_max = sizeof(a->local.sun_path);
		snprintf(out, NET_ADDRESS_TEXT_MAX, "unix:%.*s", (int)path_max, a->local.sun_path);
	} else if (!to_v6(a, &ip)) {
		snprintf(out, NET_ADDRESS_TEXT_MAX, "*");
	} else if (IN6_IS_ADDR_V4MAPPED(&ip)) {
		inet_ntop(AF_INET, &ip.s6_addr[12], out, NET_ADDRESS_TEXT_MAX);
	} else {
		inet_ntop(AF_INET6, &ip, out, NET_ADDRESS_TEXT_MAX);
	}
	return out;
}

const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX])
{
	char ip[NET_ADDRESS_TEXT_MAX];

	net_address_ip(a, ip);
	if (a->any.sa_family == AF_UNIX)
		snprintf(out, NET_ADDRESS_TEXT_MAX, "%s", ip);
	else if (strchr(ip, ':'))
		snprintf(out, NET_ADDRESS_TEXT_MAX, "[%.45s]:%u", ip, net_address_port(a));
	else
		snprintf(out, NET_ADDRESS_TEXT_MAX, "%.45s:%u", ip, net_address_port(a));
	return out;
}

uint16_t net_address_port(const struct net_address *a)
{
	switch (a->any.sa_family) {
	case AF_INET6:
		return ntohs(a->v6.sin6_port);
	case AF_UNIX:
		return 0;
	default:
		return ntohs(a->v4.sin_port);
	}
}

void net_address_set_port(struct net_address *a, uint16_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else if (a->any.sa_family != AF_UNIX)
		a->v4.sin_port = htons(port);
}

bool net_address_same_host(const struct net_address *a, const struct net_address *b)
{
	struct in6_addr ip_a;
	struct in6_addr ip_b;

	if (a->any.sa_family == AF_UNIX && b->any.sa_family == AF_UNIX)
		return strncmp(a->local.sun_path, b->local.sun_path, sizeof(a->local.sun_path)) ==
		       0;
	return to_v6(a, &ip_a) && to_v6(b, &ip_b) && IN6_ARE_ADDR_EQUAL(&ip_a, &ip_b);
}

bool net_address_is_loopback(const struct net_address *a)
{
	struct in6_addr ip;

	if (a->any.sa_family == AF_UNIX)
		return true;
	if (!to_v6(a, &ip))
		return false;
	return IN6_IS_ADDR_LOOPBACK(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
}

bool net_address_is_host(const struct net_address *a)
{
	struct in6_addr ip;

	if (!to_v6(a, &ip))
		return a->any.sa_family == AF_UNIX;
	if (IN6_IS_ADDR_V4MAPPED(&ip))
		return ip.s6_addr[12] != 0 && ip.s6_addr[12] < 224;
	return !IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_MULTICAST(&ip);
}

struct slice net_address_client(const struct net_address *a)
{
	switch (a->any.sa_family) {
	case AF_INET:
		return slice_of(&a->v4.sin_addr, sizeof(a->v4.sin_addr));
	case AF_INET6:
		return slice_of(&a->v6.sin6_addr, 8);
	default:
		return SLICE("local");
	}
}

const char *net_address_literal(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX])
{
	char ip[NET_ADDRESS_TEXT_MAX];

	if (a->any.sa_family == AF_UNIX)
		snprintf(out, NET_ADDRESS_TEXT_MAX, "[127.0.0.1]");
	else if (strchr(net_address_ip(a, ip), ':'))
		snprintf(out, NET_ADDRESS_TEXT_MAX, "[IPv6:%.45s]", ip);
	else
		snprintf(out, NET_ADDRESS_TEXT_MAX, "[%.45s]", ip);
	return out;
}

/* network = IP [ "/" bits ] */
int net_network_parse(struct slice text, struct net_network *out)
{
	struct slice bits_text = text;
	struct slice ip_text = slice_split(&bits_text, '/');
	struct net_address a;
	struct net_network n;
	uint64_t bits;
	unsigned width;

	if (ip_text.len == 0 || ip_text.data[0] == '[' || net_address_parse(ip_text, 0, &a) < 0)
		return -EINVAL;
	if (!to_v6(&a, &n.base) || net_address_port(&a) != 0)
		return -EINVAL;
	width = a.any.sa_family == AF_INET ? 32 : 128;
	bits = width;
	if (ip_text.len < text.len && (!slice_to_u64(bits_text, &bits) || bits > width))
		return -EINVAL;
	n.bits = (unsigned)bits + 128 - width;
	*out = n;
	return 0;
}

void net_network_trim(struct net_network *n)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = n->bits > i * 8 ? n->bits - i * 8 : 0;
		if (left < 8)
			n->base.s6_addr[i] &= (uint8_t)(0xff00u >> left);
	}
}

bool net_network_of(const struct net_address *a, unsigned bits_v4, unsigned bits_v6,
                    struct net_network *out)
{
	if (!to_v6(a, &out->base))
		return false;
	out->bits = IN6_IS_ADDR_V4MAPPED(&out->base) ? 96 + bits_v4 : bits_v6;
	net_network_trim(out);
	return true;
}

const char *net_network_text(const struct net_network *n, char out[static NET_ADDRESS_TEXT_MAX])
{
	char ip[INET6_ADDRSTRLEN];
	bool is_v4 = n->bits >= 96 && IN6_IS_ADDR_V4MAPPED(&n->base);

	inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? &n->base.s6_addr[12] : n->base.s6_addr, ip,
	          sizeof(ip));
	if (n->bits == 128)
		snprintf(out, NET_ADDRESS_TEXT_MAX, "%s", ip);
	else
		snprintf(out, NET_ADDRESS_TEXT_MAX, "%s/%u", ip, is_v4 ? n->bits - 96 : n->bits);
	return out;
}

bool net_network_contains(const struct net_network *n, const struct net_address *a)
{
	struct in6_addr ip;
	unsigned whole = n->bits / 8;
	unsigned rest = n->bits % 8;

	if (!to_v6(a, &ip) || memcmp(&ip, &n->base, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return ((ip.s6_addr[whole] ^ n->base.s6_addr[whole]) & (0xff00 >> rest) & 0xff) == 0;
}
