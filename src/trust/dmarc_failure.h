/* DMARC failure reports: RFC 9991, in the format of RFC 5965 and 6591. Pure.
 *
 * Such a report tells of one message that did not pass, soon after it came: in fields
 * (message/feedback-report), and with the message's header (text/rfc822-headers). The body is never
 * in it. What stands in the header of others' mail is nobody's business: unless it is to be shown
 * as it is, only fields that say which way the message took stay, and in these no local part. */
#ifndef VEREDUS_TRUST_DMARC_FAILURE_H
#define VEREDUS_TRUST_DMARC_FAILURE_H

#include <jansson.h>

#include "message/report_file.h"
#include "trust/trust.h"

struct spf_answer;

enum {
	DMARC_FAILURE_HEADER_MAX = 32 * 1024, /* bytes of a header that are passed on */
	DMARC_FAILURE_BYTES_MAX = 256 * 1024, /* of the fields of a report that is read */
	DMARC_FAILURE_FIELDS_MAX = 200,       /* of these that are shown */
};

struct dmarc_failure {
	const struct trust_dmarc_finding *finding;
	const struct trust_results *results;
	const struct trust_question *question;
	const struct spf_answer *spf; /* NULL: not asked for */
	struct slice spf_domain;
	enum dmarc_policy done; /* to the message */
	int64_t at_s;
	bool redact;
};

/* Does the domain want a report on that (ruf=, fo=)? Not if it is a public suffix, and not on mail
 * that is a report itself. */
bool dmarc_failure_is_wanted(const struct dmarc_failure *f);
/* What failed, and where: equal for messages that failed in the same way. In the arena. */
struct slice dmarc_failure_path(struct arena *arena, const struct dmarc_failure *f);
/* The fields of the report; the header that goes with it. In the arena. */
struct slice dmarc_failure_fields(struct arena *arena, const struct dmarc_failure *f);
struct slice dmarc_failure_header(struct arena *arena, const struct dmarc_failure *f);

/* --- of others ------------------------------------------------------------------------ */

/* What a list shows of the fields. -EINVAL: they tell of no failure of a check. */
int dmarc_failure_read(struct arena *arena, struct slice fields, struct report_summary *out);
/* { "fields": [ { "name": ..., "value": ... }, ... ] }; the caller's. */
json_t *dmarc_failure_json(struct slice fields);

#endif
