/* Scanners that say all that they think of a message in one answer: Rspamd (rspamd.h) and
 * SpamAssassin's spamd (spamd.h). Both take one request a connection, whose head looks like that of
 * HTTP, and answer alike: a line, fields, an empty line, a text. */
#ifndef VEREDUS_GUARD_SCANNER_H
#define VEREDUS_GUARD_SCANNER_H

#include "base/buf.h"
#include "guard/guard_filter.h"

enum { SCANNER_ANSWER_MAX = 1024 * 1024 };

struct scanner_reply {
	struct slice line;   /* "HTTP/1.1 200 OK" */
	struct slice fields; /* of its head */
	struct slice text;
};

/* 1: it is whole; 0: there is more to come; -EPROTO: it is none. ended: nothing comes any more.
 * What Content-length says it is long counts; without that field it ends where the bytes end. All
 * lies in the bytes. Pure. */
int scanner_parse(struct slice bytes, bool ended, struct scanner_reply *out);

/* "Name: value" CRLF; nothing in the value can end the line. */
void scanner_put_field(struct buf *head, const char *name, struct slice value);

/* Sends the head and behind it both parts of the message, and waits for the answer, whose bytes are
 * kept in `in`. 0, or why there is none. */
int scanner_exchange(const struct config_filter *filter, struct slice head, struct slice top,
                     struct slice message, int64_t deadline, struct buf *in,
                     struct scanner_reply *out);

#endif
