/* The header of the PROXY protocol, versions 1 and 2: with it a load balancer says, before the
 * first byte of the connection proper, who the client is (HAProxy, doc/proxy-protocol.txt).
 *
 *     PROXY TCP4 192.0.2.1 198.51.100.7 51234 25 CR LF                              version 1
 *     signature, command, family, length, addresses, TLVs                           version 2
 *
 * Pure: no I/O, no memory. Fuzzed by fuzz/fuzz_proxy_header.c. */
#ifndef VEREDUS_NET_PROXY_HEADER_H
#define VEREDUS_NET_PROXY_HEADER_H

#include "net/address.h"

enum {
	PROXY_HEADER_V1_MAX = 107, /* with its CR LF */
	PROXY_HEADER_MAX = 16 + UINT16_MAX,
};

struct proxy_header {
	size_t size_bytes;
	/* False: LOCAL (the proxy speaks for itself, as in a health check), UNKNOWN, or a kind of
	 * address that says nothing here. The connection's own addresses hold then. */
	bool has_addresses;
	struct net_address source, destination;
};

/* 1: *out is set, and what follows size_bytes is the client's. 0: bytes is the beginning of a
 * header. -EPROTO: it is none, and *why_out says why (static). A checksum (CRC32C) that does not
 * fit is such a why; TLVs of other types are stepped over. */
int proxy_header_parse(struct slice bytes, struct proxy_header *out, const char **why_out);
/* How many bytes the rest of a header that has begun has at the least: so many can be read without
 * taking any that are the client's. */
size_t proxy_header_missing(struct slice bytes);

#endif
