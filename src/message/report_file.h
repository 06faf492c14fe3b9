/* Reports that domains send each other about a day of mail: on TLS (RFC 8460) and DMARC (RFC 9990).
 * Pure. How they are packed, and what a list shows of them, is the same for both. */
#ifndef VEREDUS_MESSAGE_REPORT_FILE_H
#define VEREDUS_MESSAGE_REPORT_FILE_H

#include "base/arena.h"

enum { REPORT_SHOWN_MAX = 200 }; /* bytes of a text that a list shows */

struct report_summary {
	struct slice organization, contact, report_id, domain; /* printable */
	int64_t begins_ms, ends_ms;
	int64_t successes, failures;
};

/* gzip (RFC 1952), in the arena. 0 or -ENOMEM. */
int report_pack(struct arena *arena, struct slice text, struct slice *out);
/* From gzip, or the first file of a ZIP archive, in the arena. -ENOBUFS: more than max bytes;
 * -EINVAL: it is neither. */
int report_unpack(struct arena *arena, struct slice bytes, size_t max, struct slice *out);

/* What strangers write is shown on terminals: one line of printable ASCII, not too long. */
struct slice report_shown(struct arena *arena, struct slice text);

#endif
