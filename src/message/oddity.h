/* What is odd about a message: against the standards, or beyond our limits. Nothing here refuses a
 * message; it is for people who want to know why one looks as it does (`veredus message show`).
 *
 * Time is linear in the size, memory constant. What comes a thousand times is told once, with its
 * number; where is that of the first. */
#ifndef VEREDUS_MESSAGE_ODDITY_H
#define VEREDUS_MESSAGE_ODDITY_H

#include "message/mime.h"

enum oddity {
	/* Lines of the whole message */
	ODDITY_LF_ONLY, /* no line ends in CRLF: a file, and not as it would be sent */
	ODDITY_BARE_LF,
	ODDITY_BARE_CR,
	ODDITY_NUL,
	ODDITY_LONG_LINE, /* over 998 octets */
	/* Headers of messages, also of those within */
	ODDITY_FILE_MARK, /* "From alice Sat Nov 21": from a file that holds many messages */
	ODDITY_NO_FIELD,  /* a line of the header that is none */
	ODDITY_NO_BODY,   /* the header has no end */
	ODDITY_NO_DATE,
	ODDITY_BAD_DATE,
	ODDITY_NO_FROM,
	ODDITY_BAD_ADDRESS,
	ODDITY_NO_SENDER, /* several authors, and not who of them sent it */
	ODDITY_NO_MESSAGE_ID,
	ODDITY_BAD_MESSAGE_ID,
	ODDITY_BAD_RECEIVED,
	ODDITY_NO_MIME_VERSION, /* but MIME fields */
	/* Headers of messages and parts */
	ODDITY_DUPLICATE, /* a field that may stand once */
	ODDITY_8BIT_HEADER,
	ODDITY_HEADER_NOT_UTF8,
	ODDITY_SPACE_BEFORE_COLON,
	ODDITY_LONG_HEADER, /* only its first part is read */
	ODDITY_LONG_FIELD,
	/* Bodies of parts */
	ODDITY_8BIT_UNDECLARED,
	ODDITY_UNKNOWN_ENCODING,
	ODDITY_ENCODED_CONTAINER, /* RFC 2045 section 6.4 */
	ODDITY_BAD_BASE64,
	ODDITY_BAD_QUOTED_PRINTABLE,
	ODDITY_BAD_UUENCODE,
	ODDITY_NOT_ITS_CHARSET, /* it says utf-8 or us-ascii */
	ODDITY_NO_BOUNDARY,
	ODDITY_NO_PARTS,
	ODDITY_UNCLOSED,
	ODDITY_BEYOND_LIMITS,
	ODDITY_COUNT
};

/* "bad-base64" */
const char *oddity_name(enum oddity what);
/* "base64 with bytes that have no place in it, or cut short" */
const char *oddity_text(enum oddity what);

struct oddity_found {
	enum oddity what;
	struct slice about; /* a field's name, or empty */
	uint64_t count;
	size_t offset; /* of the first, in the message */
};
typedef void oddity_visit(void *arg, const struct oddity_found *found);

/* Of the lines of the whole message. */
void oddity_lines(struct slice bytes, oddity_visit *visit, void *arg);
/* Of one part: its header, and its body if it has no parts. */
void oddity_part(struct slice bytes, const struct mime_part *part,
                 const struct message_limits *limits, oddity_visit *visit, void *arg);

#endif
