/* Network addresses: IPv4, IPv6 and Unix sockets. */
#ifndef VEREDUS_NET_ADDRESS_H
#define VEREDUS_NET_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/arena.h"

struct net_address {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
};

/* Room for any address as text: "192.0.2.1", "2001:db8::1", "unix:/path". */
#define NET_ADDRESS_TEXT_MAX 128

/* Parses "192.0.2.1", "2001:db8::1", with an optional port ("192.0.2.1:25", "[2001:db8::1]:25",
 * "*:25" for any), or "unix:/path". port is used when the text has none. 0 or -EINVAL.
 * "*" has the family AF_UNSPEC: a service listens on both IPv4 and IPv6 then. */
int net_address_parse(struct slice text, uint16_t port, struct net_address *out);
/* Without the port; IPv4-mapped IPv6 as IPv4. Returns out. */
const char *net_address_ip(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX]);
/* With the port: "192.0.2.1:25", "[2001:db8::1]:25". Returns out. */
const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX]);
/* 0 for a Unix socket. */
uint16_t net_address_port(const struct net_address *a);
void net_address_set_port(struct net_address *a, uint16_t port);
/* Same family and address, ports not looked at; IPv4-mapped IPv6 counts as IPv4. */
bool net_address_same_host(const struct net_address *a, const struct net_address *b);
/* Any Unix socket is loopback. */
bool net_address_is_loopback(const struct net_address *a);
/* May a host have it? Not 0.0.0.0 and ::, by which a connection leads to ourselves, nor the rest of
 * 0.0.0.0/8, multicast, and 240.0.0.0/4 (RFC 1122 section 3.2.1.3); IPv4-mapped as IPv4. */
bool net_address_is_host(const struct net_address *a);
/* What counts as one client: an IPv4 address, or the /64 that a client of IPv6 has to itself; all
 * Unix sockets are one. A key, which lies in *a. */
struct slice net_address_client(const struct net_address *a);
/* An address literal as RFC 5321 section 4.1.3 writes it, with the brackets: "[192.0.2.1]",
 * "[IPv6:2001:db8::1]". A Unix socket gives "[127.0.0.1]". */
const char *net_address_literal(const struct net_address *a, char out[static NET_ADDRESS_TEXT_MAX]);

/* A network in CIDR notation; a plain address is a network of one. */
struct net_network {
	struct in6_addr base; /* IPv4 as mapped */
	unsigned bits;        /* 0 to 128 */
};
/* Bits of the address beyond the prefix are ignored. 0 or -EINVAL. */
int net_network_parse(struct slice text, struct net_network *out);
/* The network of an address, by so many bits of an IPv4 and of an IPv6 one; bits beyond are
 * cleared. False for a Unix socket. */
bool net_network_of(const struct net_address *a, unsigned bits_v4, unsigned bits_v6,
                    struct net_network *out);
/* The network without what lies beyond its bits, to compare by. */
void net_network_trim(struct net_network *n);
/* "192.0.2.0/24", "2001:db8::/64", a single address without its bits. Returns out. */
const char *net_network_text(const struct net_network *n, char out[static NET_ADDRESS_TEXT_MAX]);
/* False for a Unix socket. */
bool net_network_contains(const struct net_network *n, const struct net_address *a);

#endif
