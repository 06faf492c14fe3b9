/* URLs as arguments of GENURLAUTH and URLFETCH (RFC 4467 section 9, RFC 5524 section 5). What is in
 * them is for message/imap_url.h. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_URL_H
#define VEREDUS_IMAP_IMAP_PARSE_URL_H

#include "imap/imap_lexer.h"

enum imap_urlfetch_what {
	URLFETCH_BODY = 1,
	URLFETCH_BINARY = 2,
	URLFETCH_STRUCTURE = 4,
};

struct imap_url_argument {
	struct slice url;
	struct slice mechanism; /* of GENURLAUTH */
	unsigned what;          /* of URLFETCH: enum imap_urlfetch_what; 0: the body, told simply */
};

/* SP url-rump SP mechanism */
bool imap_take_genurlauth(struct cursor *c, struct arena *arena, struct imap_url_argument *out);
/* SP url-full / SP "(" url-full *(SP url-fetch-param) ")" */
bool imap_take_urlfetch(struct cursor *c, struct arena *arena, struct imap_url_argument *out);

#endif
