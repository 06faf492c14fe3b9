/* How far attachments are looked into (guard/attachment.h). */
#ifndef VEREDUS_CONFIG_CONFIG_ATTACHMENTS_H
#define VEREDUS_CONFIG_CONFIG_ATTACHMENTS_H

#include <stdbool.h>
#include <stdint.h>

struct config_attachments {
	bool look;
	unsigned max_depth, max_members; /* of archives; members of all in a message */
	uint64_t max_unpacked_bytes;     /* of a message */
	int64_t max_ms;                  /* of CPU, for a message */
};

#endif
