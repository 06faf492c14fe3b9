/* DMARC aggregate reports: RFC 9990. Pure.
 *
 * A report is XML. In memory it is the same tree as JSON, with the names of the schema: a string
 * for an element with text, an object for one with others in it, an array of them where it may
 * stand several times:
 *
 *     { "report_metadata": { "org_name": "Example", ... }, "policy_published": { ... },
 *       "record": [ { "row": { "source_ip": "192.0.2.1", "count": "3", ... }, ... } ] }
 *
 * What is counted by day is a record without its count, and the policy that held. */
#ifndef VEREDUS_TRUST_DMARC_REPORT_H
#define VEREDUS_TRUST_DMARC_REPORT_H

#include <jansson.h>

#include "message/report_file.h"
#include "net/address.h"
#include "trust/trust.h"

struct spf_answer;

/* --- what is counted ------------------------------------------------------------------ */

/* The "policy_published" as JSON text, equal for equal policies. In the arena. */
struct slice dmarc_report_policy(struct arena *arena, const struct trust_dmarc_finding *finding);

/* What came of one message for one author's domain. */
struct dmarc_seen {
	const struct trust_dmarc_finding *finding;
	const struct dkim_check *dkim;
	const struct spf_answer *spf; /* NULL: not asked for */
	struct slice spf_domain;
	const struct net_address *client;
	enum dmarc_policy done; /* to the message */
};
/* The "record" as JSON text, without its count, equal for equal ones. In the arena. */
struct slice dmarc_report_record(struct arena *arena, const struct dmarc_seen *seen);

/* --- reports -------------------------------------------------------------------------- */

enum {
	DMARC_REPORT_PACKED_MAX = 4 << 20, /* bytes of a report that is received */
	DMARC_REPORT_XML_MAX = 16 << 20,   /* the same, unpacked */
	DMARC_REPORT_RECORDS_MAX = 20000,  /* that are read of one */
	DMARC_REPORT_VALUE_MAX = 2000,     /* bytes of an element's text; more is cut */
};

/* XML, in the arena. What the schema does not have is left out. */
struct slice dmarc_report_write(struct arena *arena, const json_t *feedback);
/* Reads a report of either namespace, or of none as RFC 7489 had it; all else in it is passed over.
 * -EINVAL: it is none. The caller owns the JSON. */
int dmarc_report_parse(struct slice xml, json_t **out);
/* What a list shows of it. -EINVAL: it is none. */
int dmarc_report_read(struct arena *arena, struct slice xml, struct report_summary *out);

/* How many messages the records tell of: those that passed DMARC, or those that did not. */
int64_t dmarc_report_sum(const json_t *records, bool passed);

#endif
