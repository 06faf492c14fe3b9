/* Fields of an ENVELOPE as it is stored (RFC 3501 section 7.4.2): for SEARCH, SORT and THREAD,
 * which look at many messages and open none. Pure. */
#ifndef VEREDUS_IMAP_IMAP_ENVELOPE_H
#define VEREDUS_IMAP_IMAP_ENVELOPE_H

#include "base/arena.h"
#include "base/cursor.h"

enum { IMAP_ENVELOPE_TEXT_MAX = 64 << 10 }; /* bytes of a field that are looked at */

enum imap_envelope_field {
	ENVELOPE_DATE,
	ENVELOPE_SUBJECT,
	ENVELOPE_FROM,
	ENVELOPE_SENDER,
	ENVELOPE_REPLY_TO,
	ENVELOPE_TO,
	ENVELOPE_CC,
	ENVELOPE_BCC,
	ENVELOPE_IN_REPLY_TO,
	ENVELOPE_MESSAGE_ID,
};

/* For people to search in, UTF-8: addresses as "Name <local@domain>", one behind the other. */
struct slice imap_envelope_field(struct arena *arena, struct slice envelope,
                                 enum imap_envelope_field field);
/* For several fields of one message: one way through it if they are asked for in their order, which
 * any other also may be. What it returns points into the envelope where that says it literally. */
struct imap_envelope_walk {
	struct slice envelope;
	struct cursor at; /* the value of field; no place: at its beginning */
	enum imap_envelope_field field;
};
struct imap_envelope_walk imap_envelope_walk(struct slice envelope);
struct slice imap_envelope_next(struct arena *arena, struct imap_envelope_walk *w,
                                enum imap_envelope_field field);
/* Of the first address of a field the local part (RFC 5256 section 3), or with display the name
 * that is shown, or the address if there is none (RFC 5957 section 2). Empty if there is no
 * address. */
struct slice imap_envelope_address(struct arena *arena, struct slice envelope,
                                   enum imap_envelope_field field, bool display);
/* The first "<...>" of a field of message ids; empty if there is none. */
struct slice imap_first_id(struct slice text);

#endif
