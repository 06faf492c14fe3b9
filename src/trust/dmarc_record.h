/* DMARC policy records: RFC 9989 section 4.7, and of RFC 7489 the tag pct=. Pure.
 *
 *     v=DMARC1; p=quarantine; sp=reject; np=reject; adkim=s; t=y; psd=n */
#ifndef VEREDUS_TRUST_DMARC_RECORD_H
#define VEREDUS_TRUST_DMARC_RECORD_H

#include "base/slice.h"

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };
const char *dmarc_policy_name(enum dmarc_policy policy);
/* One step less: what a domain that only tests wants (t=y). */
enum dmarc_policy dmarc_policy_below(enum dmarc_policy policy);

enum { DMARC_PERCENT_MAX = 100 };

struct dmarc_record {
	enum dmarc_policy domain, subdomain, missing; /* p=, sp=, np=, with their defaults */
	bool strict_dkim, strict_spf;
	bool testing;     /* t=y */
	char psd;         /* 'y', 'n' or 'u' */
	bool silent;      /* it says neither what is wanted nor who wants reports */
	unsigned percent; /* pct= of a record without t=; else all */
	struct slice rua; /* who wants reports: a list of URIs, as it stands */
	struct slice ruf; /* who wants reports on single messages, likewise */
	bool report_any;  /* fo=1: also if one of SPF and DKIM is good */
};

/* Does the text begin as a record does? */
bool dmarc_is_record(struct slice text);
/* False for what is no record. What is not understood in it is passed over. A wrong policy counts
 * as none if reports are asked for; else the record is silent: it ends a walk as others do, but
 * where it would hold DMARC is left alone (section 4.10.1). */
bool dmarc_record_parse(struct slice text, struct dmarc_record *out);

#endif
