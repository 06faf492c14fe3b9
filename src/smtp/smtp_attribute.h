/* The arguments of XCLIENT and XFORWARD, as Postfix defines them (XCLIENT_README, XFORWARD_README):
 *
 *     XCLIENT NAME=host.example ADDR=IPV6:2001:db8::1 LOGIN=[UNAVAILABLE]
 *
 * Pure; fuzzed by fuzz/fuzz_smtp_command.c. */
#ifndef VEREDUS_SMTP_SMTP_ATTRIBUTE_H
#define VEREDUS_SMTP_SMTP_ATTRIBUTE_H

#include "base/arena.h"
#include "net/address.h"

enum smtp_attribute {
	SMTP_ATTRIBUTE_NAME, /* a host name */
	SMTP_ATTRIBUTE_ADDR,
	SMTP_ATTRIBUTE_PORT,
	SMTP_ATTRIBUTE_PROTO, /* "SMTP", "ESMTP" */
	SMTP_ATTRIBUTE_HELO,
	SMTP_ATTRIBUTE_LOGIN,
	SMTP_ATTRIBUTE_DESTADDR,
	SMTP_ATTRIBUTE_DESTPORT,
	SMTP_ATTRIBUTE_IDENT,  /* what the message is called there */
	SMTP_ATTRIBUTE_SOURCE, /* "LOCAL", "REMOTE" */
	SMTP_ATTRIBUTE_COUNT
};

struct smtp_attributes {
	unsigned given; /* bits: 1 << enum smtp_attribute */
	/* Decoded, and what the attribute must be: an address as net_address_ip() writes it, a
	 * port's digits, PROTO and SOURCE in upper case. Empty: [UNAVAILABLE] or [TEMPUNAVAIL]. */
	struct slice values[SMTP_ATTRIBUTE_COUNT];
};

/* Bits of those that each command takes. */
#define SMTP_XCLIENT_ATTRIBUTES  0x0ffu
#define SMTP_XFORWARD_ATTRIBUTES 0x31fu

/* False for an attribute that is not allowed, stands twice, or has a senseless value. Values lie in
 * the arena. */
bool smtp_parse_attributes(struct arena *arena, struct slice argument, unsigned allowed,
                           struct smtp_attributes *out);
/* What to announce: the names of the attributes. Static. */
const char *smtp_attribute_names(unsigned allowed);

static inline bool smtp_attribute_is_given(const struct smtp_attributes *a,
                                           enum smtp_attribute which)
{
	return a->given & 1u << which;
}

#endif
