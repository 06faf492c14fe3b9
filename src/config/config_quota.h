/* The configuration of quotas: section quota, beside default-quota of section local. */
#ifndef VEREDUS_CONFIG_CONFIG_QUOTA_H
#define VEREDUS_CONFIG_CONFIG_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum config_quota_full {
	QUOTA_FULL_LATER,  /* 452 4.2.2: the sender tries again for days */
	QUOTA_FULL_REFUSE, /* 552 5.2.2: the sender is told at once */
};

struct config_quota {
	unsigned default_messages, default_mailboxes; /* of new accounts; 0: none */
	int full;                                     /* enum config_quota_full */
	unsigned warn_percent, warn_again_percent;    /* 0: no warning */
	bool warn_mail;                               /* a letter, too */
	int64_t check_ms;                             /* between two looks for such accounts */
};

#endif
