/* CRC-32C (Castagnoli; RFC 3720, appendix B.4), by the processor's instruction where it has one. */
#ifndef VEREDUS_BASE_CHECKSUM_H
#define VEREDUS_BASE_CHECKSUM_H

#include "base/slice.h"

/* Goes on from the checksum of what precedes s; 0 to begin. */
uint32_t checksum_add(uint32_t checksum, struct slice s);
/* The same without the processor's help: what others are compared with. */
uint32_t checksum_add_portable(uint32_t checksum, struct slice s);

#endif
