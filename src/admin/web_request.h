/* What a browser asks: the head of a request of HTTP/1 (RFC 9112), as far as our few pages need it.
 *
 *     request-line = method SP path SP "HTTP/1." DIGIT
 *     field-line   = name ":" OWS value OWS
 *
 * Pure. A request that could be read otherwise by somebody before us is refused: folded fields,
 * spaces before the colon, two lengths, any Transfer-Encoding. */
#ifndef VEREDUS_ADMIN_WEB_REQUEST_H
#define VEREDUS_ADMIN_WEB_REQUEST_H

#include "base/slice.h"

enum { WEB_LINE_MAX = 4096, WEB_FIELDS_MAX = 64, WEB_BODY_MAX = 4096 };

enum web_method { WEB_GET, WEB_HEAD, WEB_POST, WEB_OTHER };

struct web_request {
	enum web_method method;
	struct slice path;   /* without what follows a "?"; slices lie in the line */
	uint64_t body_bytes; /* by Content-Length */
	bool has_length;
};

/* Both without the line's end. False: 400. */
bool web_request_line(struct slice line, struct web_request *out);
/* A field; not the empty line behind the last. */
bool web_request_field(struct slice line, struct web_request *request);

#endif
