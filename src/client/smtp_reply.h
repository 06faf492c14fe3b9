/* Replies of an SMTP server: RFC 5321 section 4.2, enhanced codes of RFC 2034 and RFC 3463.
 *
 * Pure: fed one line after the other, no I/O. A reply is a number of lines with the same code:
 *
 *     250-mx.example.test greets you
 *     250-SIZE 50000000
 *     250 PIPELINING
 *
 * What is no reply ends the conversation, as nobody can tell what the peer would mean next. The
 * limits are those of struct smtp_reply_limits; a reply past them is garbage. */
#ifndef VEREDUS_CLIENT_SMTP_REPLY_H
#define VEREDUS_CLIENT_SMTP_REPLY_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	SMTP_REPLY_LINE_MAX = 4096,      /* RFC 5321 section 4.5.3.1.5 says 512 with CRLF */
	SMTP_REPLY_LINES_MAX = 256,      /* of one reply */
	SMTP_REPLY_BYTES_MAX = 32 * 1024 /* of the texts of one reply */
};

/* "5.1.1"; all zero when the reply has none. */
struct smtp_enhanced {
	uint8_t class; /* 2, 4 or 5 */
	uint16_t subject;
	uint16_t detail;
};

/* A reply that is being read, or was. Made once a connection and used again for each reply. */
struct smtp_reply {
	int code;                      /* 200 to 599; 0 before the first line */
	int lines;                     /* seen so far */
	struct smtp_enhanced enhanced; /* of the first line that has one and agrees with the code */
	struct buf text;               /* texts of the lines, separated by LF, without the code */
};

void smtp_reply_create(struct smtp_reply *r);
void smtp_reply_destroy(struct smtp_reply *r);
/* Before the next reply. */
void smtp_reply_reset(struct smtp_reply *r);

/* Takes one line without its end. 1: the reply is whole. 0: more lines follow. -EPROTO: no reply
 * (no code, codes that change, a control character where the text begins). -EMSGSIZE: past the
 * limits. */
int smtp_reply_line(struct smtp_reply *r, struct slice line);

/* The text of all lines as one printable line of at most max bytes: LF and control characters
 * become spaces. Into the arena. */
struct slice smtp_reply_text(const struct smtp_reply *r, struct arena *arena, size_t max);

/* Parses "5.1.1" at the front of a text; false if there is none. */
bool smtp_enhanced_parse(struct slice text, struct smtp_enhanced *out);
/* "5.1.1"; room for the longest. Returns out. */
enum { SMTP_ENHANCED_TEXT_MAX = 16 };
const char *smtp_enhanced_text(struct smtp_enhanced e, char out[static SMTP_ENHANCED_TEXT_MAX]);

#endif
