/* The name of a section of a message (RFC 3501 section 9, section-spec): what stands between the
 * brackets of BODY[...], and in an IMAP URL. "1.2", "HEADER", "1.2.HEADER.FIELDS (To From)". */
#ifndef VEREDUS_MESSAGE_SECTION_TEXT_H
#define VEREDUS_MESSAGE_SECTION_TEXT_H

#include "base/cursor.h"
#include "message/summary.h"

enum { MESSAGE_SECTION_FIELDS_MAX = 200 }; /* header names of one section */

/* Takes the name of a header field, as strings are written where the section stands. */
typedef bool message_field_taker(struct cursor *c, struct arena *arena, struct slice *out);

/* Up to a "]" or the end; nothing is the whole message. False, with the cursor anywhere, for what
 * is no section. */
bool message_take_section(struct cursor *c, struct arena *arena, message_field_taker *take_field,
                          struct message_section *out);

#endif
