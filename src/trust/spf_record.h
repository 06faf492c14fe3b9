/* SPF records: RFC 7208 sections 4.5, 4.6.1, 5, 6 and 12. Pure.
 *
 *     v=spf1 +a mx/24 include:_spf.%{d} -all redirect=... exp=...
 *
 * The whole record is checked before any term counts: an error anywhere makes it a permerror. */
#ifndef VEREDUS_TRUST_SPF_RECORD_H
#define VEREDUS_TRUST_SPF_RECORD_H

#include "base/arena.h"
#include "base/cursor.h"
#include "net/address.h"
#include "trust/trust_result.h"

/* Terms that need no DNS are not limited by the standard; a record of 64 KiB is. */
enum { SPF_TERMS_MAX = 2000, SPF_MACRO_DIGITS_MAX = 3 };

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
	struct slice text; /* as it stands in the record */
	enum spf_kind kind;
	enum trust_result result; /* pass, fail, softfail or neutral: of its qualifier */
	struct slice domain;      /* a domain-spec with macros; empty: the current domain */
	unsigned bits_v4, bits_v6;
	struct net_network network; /* of ip4 and ip6 */
};

struct spf_record {
	struct spf_term *terms;
	size_t count;
	struct slice redirect, explanation; /* domain-specs; empty: there is none */
};

/* Does the text begin as an SPF record does? Others may stand at the same name. */
bool spf_is_record(struct slice text);
/* NULL and a record, or what is wrong with it; then *where_out is the term. */
const char *spf_record_parse(struct arena *arena, struct slice text, struct spf_record *out,
                             struct slice *where_out);

/* --- macros ------------------------------------------------------------------------------ */

struct spf_macro {
	char letter;    /* in lower case: one of "slodiphcrtv" */
	bool escape;    /* it was in upper case */
	unsigned parts; /* from the right; 0: all */
	bool reverse;
	struct slice delimiters; /* "." if there were none */
};
/* One piece of a macro-string (section 7.1) of which c stands before the rest: a run of literals,
 * or a macro (letter not 0). explanation: c, r, t, and spaces may stand there. False if it is none
 * of both. */
bool spf_take_piece(struct cursor *c, bool explanation, struct slice *literal_out,
                    struct spf_macro *macro_out);

#endif
