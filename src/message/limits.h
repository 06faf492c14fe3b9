/* How far the parsers of this folder look.
 *
 * No message is refused because of these: what lies beyond a limit is opaque (it is kept and
 * counted, but not taken apart), so that every message costs time and memory in proportion to
 * its size at most. The section message of the configuration sets them. */
#ifndef VEREDUS_MESSAGE_LIMITS_H
#define VEREDUS_MESSAGE_LIMITS_H

#include <stddef.h>

/* Parts nested deeper are one opaque part; no configuration raises it. */
#define MESSAGE_DEPTH_MAX 64

struct message_limits {
	size_t header_bytes;  /* of one header (of the message or of a part) that are read */
	size_t value_bytes;   /* of one field that are taken apart; the rest is ignored */
	unsigned depth;       /* multipart and message/rfc822 levels, at most MESSAGE_DEPTH_MAX */
	unsigned parts;       /* in one message, containers included */
	unsigned addresses;   /* in all fields of one envelope */
	unsigned parameters;  /* of one Content-Type or Content-Disposition */
	size_t summary_bytes; /* of ENVELOPE, and of BODYSTRUCTURE; larger ones are cut */
};

#define MESSAGE_LIMITS_DEFAULT                                                                     \
	((struct message_limits){                                                                  \
		.header_bytes = 512 * 1024,                                                        \
		.value_bytes = 64 * 1024,                                                          \
		.depth = 32,                                                                       \
		.parts = 1000,                                                                     \
		.addresses = 4000,                                                                 \
		.parameters = 64,                                                                  \
		.summary_bytes = 512 * 1024,                                                       \
	})

#endif
