/* Canonical forms of header fields and bodies: RFC 6376 section 3.4; nofws of RFC 4870 section
 * 3.4.2.2.
 *
 * A body may come in pieces of any size, and nothing of it is kept. Lines end in CRLF; a CR or LF
 * alone is a byte like any other, or white space (nofws). */
#ifndef VEREDUS_TRUST_DKIM_CANON_H
#define VEREDUS_TRUST_DKIM_CANON_H

#include "base/slice.h"

enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED, DKIM_NOFWS };

typedef void dkim_sink(void *arg, struct slice piece);

enum { DKIM_GATHER_BYTES = 2048 };

struct dkim_body {
	enum dkim_canon canon;
	dkim_sink *sink;
	void *arg;
	uint64_t lines;  /* line ends not handed on yet: those at the end of a body don't count */
	bool white;      /* white space not handed on yet */
	bool after_cr;   /* a CR that may begin a line end */
	bool any;        /* bytes went out */
	uint64_t len;    /* bytes that went out */
	size_t gathered; /* of them, not handed on yet */
	char gather[DKIM_GATHER_BYTES];
};

void dkim_body_begin(struct dkim_body *b, enum dkim_canon canon, dkim_sink *sink, void *arg);
void dkim_body_add(struct dkim_body *b, struct slice piece);
void dkim_body_end(struct dkim_body *b);

/* One field, with its name and line end or without; hands on its canonical form without a line end.
 */
void dkim_canon_field(enum dkim_canon canon, struct slice field, dkim_sink *sink, void *arg);

#endif
