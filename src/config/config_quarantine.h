/* The configuration of the quarantine (route/quarantine.h). */
#ifndef VEREDUS_CONFIG_CONFIG_QUARANTINE_H
#define VEREDUS_CONFIG_CONFIG_QUARANTINE_H

#include <stdint.h>

/* What happens when that of a recipient is full. */
enum config_quarantine_full {
	QUARANTINE_FULL_OLDEST, /* goes, until there is room */
	QUARANTINE_FULL_LATER,  /* 452 4.2.2: the sender tries again */
};

struct config_quarantine {
	int64_t keep_ms;
	unsigned max_messages; /* of one recipient */
	uint64_t max_bytes;    /* likewise */
	int full;              /* enum config_quarantine_full */
};

#endif
