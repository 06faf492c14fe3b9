/* The configuration of reports to other domains about a day of mail, and of theirs: sections
 * tls-report (RFC 8460) and dmarc-report (RFC 9990). */
#ifndef VEREDUS_CONFIG_CONFIG_FEEDBACK_H
#define VEREDUS_CONFIG_CONFIG_FEEDBACK_H

#include <stdbool.h>
#include <stdint.h>

struct config_feedback {
	bool enabled;
	const char *from, *organization, *ca; /* NULL: postmaster of the first domain, our name,
	                                         the system's */
	int64_t spread_ms, keep_ms;
	unsigned max_rows;   /* that are counted in a day */
	const char *address; /* where reports of others come in; or NULL */
};

/* Of section dmarc-report: reports on single messages (RFC 9991). */
struct config_dmarc_failure {
	bool enabled, redact;
	unsigned per_day; /* to one address */
};

#endif
