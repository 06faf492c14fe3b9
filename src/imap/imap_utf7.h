/* Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), and their patterns.
 *
 * Inside all names are UTF-8. */
#ifndef VEREDUS_IMAP_IMAP_UTF7_H
#define VEREDUS_IMAP_IMAP_UTF7_H

#include "base/arena.h"

/* Strict: -EINVAL for what no encoder would make (bytes of ASCII in base64, idle shifts, bits
 * left over), so that a mailbox has one spelling. Bytes above 0x7F are taken as the UTF-8 that
 * some clients send, if they are that. */
int imap_utf7_decode(struct arena *arena, struct slice name, struct slice *utf8_out);
/* utf8 must be valid. */
struct slice imap_utf7_encode(struct arena *arena, struct slice utf8);

/* LIST's wildcards: "*" is anything, "%" anything without a "/". INBOX, as the first level,
 * matches in any case. */
bool imap_name_matches(struct slice pattern, struct slice name);

#endif
