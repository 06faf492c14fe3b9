/* What a check came to, in the words of RFC 8601 section 2.7. */
#ifndef VEREDUS_TRUST_TRUST_RESULT_H
#define VEREDUS_TRUST_TRUST_RESULT_H

enum trust_result {
	TRUST_NONE, /* there was nothing to check */
	TRUST_PASS,
	TRUST_FAIL,
	TRUST_SOFTFAIL,
	TRUST_POLICY,  /* it would pass, but not by our rules */
	TRUST_NEUTRAL, /* what is there can't be understood, or says nothing */
	TRUST_TEMPERROR,
	TRUST_PERMERROR,
	TRUST_RESULTS
};

/* "none", "pass", ... */
const char *trust_result_name(enum trust_result result);

#endif
