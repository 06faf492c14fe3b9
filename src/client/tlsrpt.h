/* TLS reports: RFC 8460. Pure, but for the last part: what is in records and reports, and how they
 * lie in the store.
 *
 * What came of each TLS session with an MX host is counted by day, policy domain, policy and
 * failure. When the day (UTC) is over, a domain that asks for reports by the TXT record of
 * _smtp._tls gets one, as JSON in gzip, by mail or HTTPS: queue/queue_tlsrpt.h. Reports that others
 * send us come the same way. */
#ifndef VEREDUS_CLIENT_TLSRPT_H
#define VEREDUS_CLIENT_TLSRPT_H

#include <jansson.h>

#include "client/tls_policy.h"
#include "store/db.h"

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

/* --- reports -------------------------------------------------------------------------- */

enum {
	TLSRPT_GZIP_BYTES_MAX = 1 << 20,   /* of a report that is received */
	TLSRPT_JSON_BYTES_MAX = 512 << 10, /* the same, unpacked */
	TLSRPT_RECEIVED_MAX = 1000,        /* that are kept */
	TLSRPT_POLICIES_MAX = 1000,
	TLSRPT_ROWS_MAX = 2000, /* counts in a report of ours */
	TLSRPT_TEXT_MAX = 200,  /* of what is shown of a report in a list */
};

/* gzip (RFC 1952), in the arena. -ENOBUFS: more than max; -EINVAL: it is none. */
int tlsrpt_pack(struct arena *arena, struct slice json, struct slice *out);
int tlsrpt_unpack(struct arena *arena, struct slice bytes, size_t max, struct slice *out);

/* What a list shows of a report. */
struct tlsrpt_summary {
	struct slice organization, contact, report_id,
		domain; /* printable; domain: of the policies */
	int64_t begins_ms, ends_ms;
	int64_t successes, failures;
};
/* Takes JSON for a report, if it is one: all in the arena. -EINVAL: it is none. */
int tlsrpt_read(struct arena *arena, struct slice json, struct tlsrpt_summary *out);

/* --- in the store --------------------------------------------------------------------- */

struct tlsrpt_row {
	int64_t id;
	bool sent; /* by us; else received */
	struct tlsrpt_summary summary;
	int64_t at_ms;  /* made or received */
	int64_t due_ms; /* of ours: when it is to be sent; 0: it has been, or was given up */
	int64_t attempts;
	struct slice peer;  /* where to (a URI), or who from */
	struct slice state; /* what became of it, for people */
	struct slice json;
};

/* Inside commits. */
int tlsrpt_count_add(struct db *db, int64_t day, struct slice domain, struct slice policy,
                     struct slice failure, int64_t count);
int tlsrpt_count_remove(struct db *db, int64_t day, struct slice domain);
int tlsrpt_row_put(struct db *db, const struct tlsrpt_row *row);
int tlsrpt_row_update(struct db *db, const struct tlsrpt_row *row);
/* Of those received only the newest stay. */
int tlsrpt_row_limit(struct db *db);
int tlsrpt_expire(struct db *db, int64_t before_ms);
/* Inside reads. The next domain with counts, behind one (day, domain), of days before before_day;
 * -ENODATA: no more. */
int tlsrpt_count_next(struct db *db, struct arena *arena, int64_t before_day, int64_t *day,
                      struct slice *domain);
/* The "policies" of its report. */
int tlsrpt_count_policies(struct db *db, int64_t day, struct slice domain, json_t *out);
/* Visits rows behind an id, newest... oldest first: at most limit; of one of both kinds, or of
 * both. */
typedef int (*tlsrpt_visit)(const struct tlsrpt_row *row, void *arg);
int tlsrpt_row_each(struct db *db, int64_t after, int64_t limit, tlsrpt_visit visit, void *arg);
/* One of ours that is due by then, in the arena; -ENODATA if there is none. */
int tlsrpt_row_due(struct db *db, struct arena *arena, int64_t now_ms, struct tlsrpt_row *out);
/* All of ours that wait are due then. */
int tlsrpt_row_hurry(struct db *db, int64_t now_ms);

#endif
