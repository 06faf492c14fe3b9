/* A message made anew with other transfer encodings: for hosts that lack 8BITMIME (RFC 6152) or
 * BINARYMIME (RFC 3030), and for lines that are longer than RFC 5321 allows.
 *
 *     struct recode *r;
 *     rc = recode_plan(arena, bytes, &MESSAGE_LIMITS_DEFAULT, RECODE_LINES, &r);
 *     if (rc > 0)
 *         rc = recode_write(r, NULL, NULL, sink, arg);
 *
 * Only parts that need it are changed, with their Content-Transfer-Encoding: text to
 * quoted-printable, or to base64 where that is shorter; all else to base64. Base64 and
 * quoted-printable that break their own rules are written properly. What they decode to stays the
 * same byte for byte. Headers are not looked at but for that field. The bytes are read piece by
 * piece, so they may be a mapped file; memory is in proportion to the number of parts. */
#ifndef VEREDUS_MESSAGE_RECODE_H
#define VEREDUS_MESSAGE_RECODE_H

#include "message/mime.h"
#include "message/outlet.h"

enum recode_goal {
	RECODE_LINES = 1,  /* lines of at most 998 octets */
	RECODE_7BIT = 2,   /* no body has bytes from 0x80 on, none is declared 8bit */
	RECODE_BINARY = 4, /* no NUL, no CR or LF alone, none is declared binary */
};

struct recode;

/* How many parts must be changed; 0: the message may go as it is. -EOPNOTSUPP: what must be changed
 * can't be: it is signed or encrypted (RFC 1847: only its author may), beyond the limits, or in an
 * encoding that we don't know. goals is a set of enum recode_goal. The plan lies in the arena. */
int recode_plan(struct arena *arena, struct slice bytes, const struct message_limits *limits,
                unsigned goals, struct recode **out);

/* Writes a part's header, with its empty line. encoding is what its transfer encoding becomes, NULL
 * if that stays. 0 or a negative errno, which ends the writing. */
typedef int recode_header(void *arg, const struct mime_part *part, struct slice header,
                          const char *encoding, struct outlet *out);
/* header NULL: nothing else changes. 0, or what sink or header returned. */
int recode_write(const struct recode *r, recode_header *header, void *header_arg, dot_sink *sink,
                 void *sink_arg);

#endif
