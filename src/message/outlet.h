/* Where a message goes that is made anew, piece by piece: small pieces are gathered, large ones
 * pass uncopied, and the first error stays. */
#ifndef VEREDUS_MESSAGE_OUTLET_H
#define VEREDUS_MESSAGE_OUTLET_H

#include "message/dotstuff.h"

/* RFC 5322 section 2.1.1: octets of a line without its CRLF. */
enum { MESSAGE_LINE_MAX = 998 };

struct outlet {
	dot_sink *sink;
	void *arg;
	struct buf made; /* not handed on yet; append here what is small, then outlet_turn() */
	int error;
};

void outlet_create(struct outlet *o, dot_sink *sink, void *arg);
/* Hands on what is left. 0, or the first error that there was; after that o is no more. */
int outlet_end(struct outlet *o);
void outlet_put(struct outlet *o, struct slice bytes);
/* Hands on what was gathered, if that is much. */
void outlet_turn(struct outlet *o);

#endif
