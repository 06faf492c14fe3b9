/* The configuration of the quarantine (route/quarantine.h). */
#ifndef VEREDUS_CONFIG_CONFIG_QUARANTINE_H
#define VEREDUS_CONFIG_CONFIG_QUARANTINE_H

#include <stdint.h>

/* What happens when that of a recipient is full. */
enum config_quarantine_full {
	QUARANTINE_FULL_OLDEST, /* goes, until there is room */
	QUARANTINE_FULL_LATER,  /* 452 4.2.2: the sender tries again */
};

/* What users may decide about themselves. */
enum config_quarantine_user {
	QUARANTINE_USER_UNFILTERED, /* not what filters have found: it may be malware */
	QUARANTINE_USER_ALL,
	QUARANTINE_USER_NONE,
};

struct config_quarantine {
	int64_t keep_ms;
	unsigned max_messages; /* of one recipient */
	uint64_t max_bytes;    /* likewise */
	int full;              /* enum config_quarantine_full */
	int user_release;      /* enum config_quarantine_user */
	const char
		*public_url; /* what links begin with, no slash behind it; NULL: there are none */
	int64_t digest_ms;   /* between two mails to a user; 0: there are none */
	unsigned digest_hour;
	int64_t link_lifetime_ms;
	unsigned max_requests; /* a minute, of a network, for pages */
};

#endif
