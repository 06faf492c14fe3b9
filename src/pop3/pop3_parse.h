/* POP3 command lines: pure, nothing is copied. */
#ifndef VEREDUS_POP3_POP3_PARSE_H
#define VEREDUS_POP3_POP3_PARSE_H

#include "base/slice.h"

struct pop3_command {
	struct slice keyword;
	struct slice argument; /* all behind the first space, as it stands; empty: none */
	bool has_argument;
};

/* command = keyword [SP argument]; keyword = 3*4VCHAR        RFC 2449 section 3;
 * letters and digits are all that there are.
 * line is without its CRLF. False also for a control character anywhere. */
bool pop3_parse_command(struct slice line, struct pop3_command *out);

/* message = 1*10DIGIT, not 0; spaces around it are forgiven. */
bool pop3_parse_message(struct slice argument, uint32_t *number_out);
/* top = message SP lines                                     RFC 1939 section 7 */
bool pop3_parse_top(struct slice argument, uint32_t *number_out, uint64_t *lines_out);

struct pop3_auth {
	struct slice mechanism;
	struct slice initial; /* base64 */
	bool has_initial;
};
/* auth = mechanism [SP initial-response]                     RFC 5034 section 4 */
bool pop3_parse_auth(struct slice argument, struct pop3_auth *out);

/* How many bytes of a message TOP sends: its header, the empty line, and so many lines of its
 * body. Lines may end in CRLF or LF. */
size_t pop3_top_length(struct slice message, uint64_t lines);

#endif
