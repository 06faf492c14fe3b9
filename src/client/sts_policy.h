/* What MTA-STS publishes: RFC 8461. Pure: bytes to structs, no I/O.
 *
 *     _mta-sts.example.test. TXT "v=STSv1; id=20260101T000000;"          sts_record_parse()
 *
 *     version: STSv1                                                      sts_policy_parse()
 *     mode: enforce
 *     mx: mail.example.test
 *     mx: *.example.net
 *     max_age: 604800 */
#ifndef VEREDUS_CLIENT_STS_POLICY_H
#define VEREDUS_CLIENT_STS_POLICY_H

#include "base/arena.h"

enum {
	STS_POLICY_BYTES_MAX = 64 * 1024, /* RFC 8461 section 3.3 asks for a limit */
	STS_POLICY_MX_MAX = 500,
	STS_ID_MAX = 32,              /* section 3.1 */
	STS_MAX_AGE_MAX_S = 31557600, /* section 3.2: a year */
};

enum sts_mode { STS_MODE_NONE, STS_MODE_TESTING, STS_MODE_ENFORCE };
const char *sts_mode_name(enum sts_mode mode);

struct sts_policy {
	enum sts_mode mode;
	int64_t max_age_s;
	struct slice *mx; /* as written: names, or "*." and a name */
	size_t mx_count;
};

/* The id of a TXT record; false if it is none of MTA-STS, or a broken one. */
bool sts_record_parse(struct slice text, struct slice *id_out);
/* Does a TXT record claim to be one? Of several that do, none counts. */
bool sts_record_is(struct slice text);
/* -EINVAL: it is no policy, and *why_out says what is wrong. Slices point into the text. */
int sts_policy_parse(struct arena *arena, struct slice text, struct sts_policy *out,
                     const char **why_out);
/* Is the host (without a final dot) one of the mx? A star stands for one label. */
bool sts_policy_has_host(const struct sts_policy *p, const char *host);

#endif
