/* TLS reports: RFC 8460. Pure: what is in records and reports.
 *
 * What came of each TLS session with an MX host is counted by day, policy domain, policy and
 * failure. When the day (UTC) is over, a domain that asks for reports by the TXT record of
 * _smtp._tls gets one, as JSON in gzip, by mail or HTTPS: queue/queue_feedback.h. Reports that
 * others send us come the same way. */
#ifndef VEREDUS_CLIENT_TLSRPT_H
#define VEREDUS_CLIENT_TLSRPT_H

#include <jansson.h>

#include "client/tls_policy.h"
#include "message/report_file.h"

/* --- the record ----------------------------------------------------------------------- */

/* tlsrpt = "v=TLSRPTv1" ";" "rua=" uri *("," uri)        RFC 8460 section 3 */
enum { TLSRPT_URIS_MAX = 5, TLSRPT_URI_BYTES_MAX = 1000 };
bool tlsrpt_record_is(struct slice text);
/* The mailto: and https: URIs, at most TLSRPT_URIS_MAX, with %xx as they are; others are left out.
 * Their count; 0: it is none that can be used. */
size_t tlsrpt_record_parse(struct slice text, struct slice uris[static TLSRPT_URIS_MAX]);
/* The address of a mailto: URI, decoded, in the arena; false if it holds none. */
bool tlsrpt_mail_address(struct arena *arena, struct slice uri, struct slice *out);

/* --- what is counted ------------------------------------------------------------------ */

/* The "policy" of a report as JSON text, equal for equal policies. policy NULL: the domain's
 * MTA-STS policy could not be had. In the arena. */
struct slice tlsrpt_policy_text(struct arena *arena, const struct tls_policy_domain *domain,
                                const struct tls_policy *policy);
/* The "failure-details" as JSON text, without its count. Empty strings are left out. */
struct tlsrpt_failure {
	const char *type; /* section 4.3: "starttls-not-supported", ... */
	const char *sending_ip, *mx_host, *receiving_ip;
	struct slice reason; /* for people */
};
struct slice tlsrpt_failure_text(struct arena *arena, const struct tlsrpt_failure *failure);
/* By what went wrong; NULL for TLS_FINE. */
const char *tlsrpt_type_of_tls(enum tls_trouble trouble);
const char *tlsrpt_type_of_sts(enum sts_trouble trouble);

/* What was counted as the "policies" of a report: adds what one count says. Counts of one policy
 * stand one after the other. failure empty: it went well. */
void tlsrpt_add_count(json_t *policies, struct slice policy, struct slice failure, int64_t count);

/* --- reports -------------------------------------------------------------------------- */

enum {
	TLSRPT_PACKED_BYTES_MAX = 1 << 20, /* of a report that is received */
	TLSRPT_JSON_BYTES_MAX = 512 << 10, /* the same, unpacked */
	TLSRPT_POLICIES_MAX = 1000,
};

/* Takes JSON for a report, if it is one: all in the arena. -EINVAL: it is none. */
int tlsrpt_read(struct arena *arena, struct slice json, struct report_summary *out);

#endif
