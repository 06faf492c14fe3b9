/* Dot-stuffing (RFC 5321 section 4.5.2, RFC 1939 section 3): the only stuffer and the only
 * unstuffer in the program. SMTP, POP3 and the clients all use these.
 *
 * Both are fed chunks that may be cut anywhere, and hand out runs of bytes as long as the input
 * allows: a message without a leading dot in it passes as one run a chunk, not copied.
 *
 *     struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
 *     do {
 *         chunk = ... what the connection has ...
 *         rc = dot_unstuff(&u, chunk, dot_sink_buf, &message, &used);
 *         ... consume used bytes of the connection's input ...
 *     } while (rc == 0);
 *     rc == 1: the message is whole; rc < 0: the sink's error
 *     if (u.bare_seen) reply(550, "5.6.0 bare CR or LF") */
#ifndef VEREDUS_MESSAGE_DOTSTUFF_H
#define VEREDUS_MESSAGE_DOTSTUFF_H

#include "base/buf.h"

/* Takes a run of bytes; 0, or a negative errno, which ends the call that made the run. */
typedef int dot_sink(void *arg, struct slice run);
/* A sink that appends to the struct buf that arg points to. */
int dot_sink_buf(void *arg, struct slice run);

/* What becomes of a CR without LF, or LF without CR. Neither ever ends a line for the purpose of
 * finding the end, or the dots: only CRLF.CRLF ends the data (this is what SMTP smuggling is
 * made of). */
enum dot_bare {
	DOT_BARE_REFUSE, /* passed on as it is; bare_seen tells the caller to refuse the message */
	DOT_BARE_NORMALISE, /* becomes CRLF; bare_seen is set as well */
};

struct dot_unstuffer {
	enum dot_bare bare;
	unsigned char state;
	bool bare_seen;
	bool overlong_seen;   /* a line was longer than DOT_LINE_MAX with its CRLF */
	uint64_t lines;       /* that ended so far */
	uint64_t line_length; /* bytes of the current line */
};

/* RFC 5321 section 4.5.3.1.6. Longer lines pass; the caller decides by overlong_seen. */
#define DOT_LINE_MAX 1000

struct dot_unstuffer dot_unstuffer_make(enum dot_bare bare);
/* Consumes from in until the end of the data or of the chunk; *used_out bytes were used. Returns
 * 1 when the terminating dot was read (what follows it in the chunk is not touched), 0 when more
 * is needed, or the sink's error, after which the unstuffer can't go on. */
int dot_unstuff(struct dot_unstuffer *u, struct slice in, dot_sink *sink, void *arg,
                size_t *used_out);

/* The stuffer never lets a bare CR or LF out: each becomes CRLF. */
struct dot_stuffer {
	unsigned char state;
};

struct dot_stuffer dot_stuffer_make(void);
int dot_stuff(struct dot_stuffer *s, struct slice in, dot_sink *sink, void *arg);
/* Ends the last line if it has no CRLF yet, and writes ".\r\n". */
int dot_stuff_end(struct dot_stuffer *s, dot_sink *sink, void *arg);

#endif
