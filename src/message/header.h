/* Header fields: walking over them, their values, encoded words and parameters.
 *
 * Lines may end in CRLF or in a bare LF (files). A header ends behind its first empty line, or
 * where the bytes end. A line that is no field and continues none is handed out as a field with
 * an empty name, so that nothing gets lost. */
#ifndef VEREDUS_MESSAGE_HEADER_H
#define VEREDUS_MESSAGE_HEADER_H

#include "base/arena.h"
#include "base/buf.h"

struct header_field {
	struct slice name;  /* without the colon and spaces before it */
	struct slice value; /* as it stands, folds included, without the last line end */
	struct slice whole; /* the field with its name and its last line end */
};

/* A walk: set .rest to the bytes of a message or header, and call header_next() until it returns
 * false; .rest is then what follows the empty line (the body), and .ended says if there was an
 * empty line. */
struct header_walk {
	struct slice rest;
	bool ended;
};

bool header_next(struct header_walk *walk, struct header_field *out);
/* Length of the header, its empty line included. */
size_t header_length(struct slice message);
/* The value of the first field of that name, in any case of letters; false if there is none. */
bool header_find(struct slice header, struct slice name, struct slice *value_out);

/* The value on one line: line ends taken away, outer spaces too. A copy only if it was folded. */
struct slice header_unfold(struct arena *arena, struct slice value);
/* The value for people, as UTF-8: unfolded, RFC 2047 encoded words decoded (any charset that
 * iconv knows; bytes that don't convert become U+FFFD), control characters as spaces. At most
 * max bytes of the result are made. Offload-free: no I/O but iconv's tables at first use. */
struct slice header_decode(struct arena *arena, struct slice value, size_t max);
/* Bytes of a charset as UTF-8; an unknown charset is taken for UTF-8 or else Latin-1. */
struct slice charset_to_utf8(struct arena *arena, struct slice charset, struct slice bytes);
/* charset_to_utf8() need not guess: ASCII, UTF-8, or one that iconv converts. */
bool charset_is_known(struct slice charset);

/* A MIME value with parameters: `text/plain; charset="utf-8"; name*0*=...`. */
struct header_param {
	struct slice name;  /* as written; RFC 2231 marks kept in the plain walk */
	struct slice value; /* without quotes and backslashes */
};

/* Splits at most max parameters off a Content-Type or Content-Disposition value (comments are
 * skipped). main_out is what precedes the first semicolon, without comments. Returns the count;
 * duplicates are kept. Nothing is decoded: BODYSTRUCTURE wants them as they came. */
size_t header_params(struct arena *arena, struct slice value, size_t max, struct slice *main_out,
                     struct header_param **params_out);
/* One parameter decoded to UTF-8: RFC 2231 continuations and charsets, and encoded words in
 * quotes as many clients wrongly write them. False if it isn't there. */
bool header_param_find(struct arena *arena, const struct header_param *params, size_t count,
                       struct slice name, struct slice *value_out);

/* Writing. Each appends whole lines that end in CRLF, folded before column 78 where spaces allow
 * it; 0 or -ENOBUFS. Control characters (CR and LF above all) in values become spaces, so that
 * no value can smuggle a field in. */

/* Unstructured text (UTF-8): as it is if ASCII, else with encoded words. */
int header_put_text(struct buf *out, const char *name, struct slice text);
/* Ready-made structured value, ASCII: folded at spaces. */
int header_put_raw(struct buf *out, const char *name, struct slice value);
/* Appends "; name=value" with quotes or by RFC 2231, on a folded line of its own. */
int header_put_param(struct buf *out, const char *name, struct slice value);
/* Appends text as RFC 2047 encoded words (B or Q, whichever is shorter), each at most 60 octets,
 * separated by single spaces. */
int header_put_words(struct buf *out, struct slice text);

#endif
