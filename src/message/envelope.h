/* What a sender asks of the way of a message, beside whom it is for: the extensions of MAIL that
 * count until the message is where it belongs. RFC 8689, 2852, 4865, 6710 and 3865.
 *
 * The text form is what a queue row keeps: words separated by spaces, empty when nothing is asked,
 * which is nearly always. */
#ifndef VEREDUS_MESSAGE_ENVELOPE_H
#define VEREDUS_MESSAGE_ENVELOPE_H

#include "base/arena.h"
#include "base/slice.h"

enum { ENVELOPE_PRIORITY_MAX = 9, ENVELOPE_SOLICIT_MAX = 1000, ENVELOPE_AUTH_MAX = 500 };

struct envelope_options {
	bool requiretls;       /* on by verified TLS only, to who promises the same */
	bool tls_optional;     /* TLS-Required: No: better in clear than not at all */
	int priority;          /* -9 to 9 */
	char by_mode;          /* 'R' return it after by_ms, 'N' tell then that it is late; or 0 */
	bool by_trace;         /* tell of each relay */
	int64_t by_ms;         /* wall clock */
	int64_t hold_until_ms; /* wall clock: nobody gets it before; 0: at once */
	struct slice auth;     /* who submitted it first, in xtext; empty: nobody says (RFC 4954) */
	struct slice solicit;  /* solicitation keywords with commas, or empty */
};

/* In the arena. by_ms is told by how long it is after the arrival (wall clock), so that it moves
 * along when the date of arrival is corrected. */
struct slice envelope_options_text(struct arena *arena, const struct envelope_options *o,
                                   int64_t arrived_ms);
/* Slices lie in text. Words that are not known, of a later version, are left out. */
void envelope_options_parse(struct slice text, int64_t arrived_ms, struct envelope_options *out);

/* What a report about a message asks for: to be as safe and as urgent as that was (RFC 8689 section
 * 5). */
struct envelope_options envelope_options_of_report(const struct envelope_options *o);

/* Are these solicitation keywords of RFC 3865, with commas between them? */
bool envelope_solicit_is_valid(struct slice keywords);

/* The value of ORCPT for the address type utf-8: utf-8-addr-xtext or utf-8-addr-unitext of RFC 6533
 * section 3. */
bool envelope_utf8_address_is_valid(struct slice text);
/* The same in ASCII, with \x{E4} for what is not; for hosts and reports without SMTPUTF8. text is
 * UTF-8. */
struct slice envelope_utf8_address_ascii(struct arena *arena, struct slice text);

#endif
