/* mbox files: messages one behind the other, each begun by a From_ line (RFC 4155).
 *
 *     From alice@example.test Thu Jan  1 10:00:00 2026
 *     Subject: x
 *     Status: RO
 *
 *     >From here on it is text.
 *
 *     From bob@example.test ...
 *
 * A From_ line is one behind an empty line, or the first, that ends in a date; others are text, as
 * there are files whose writers quoted nothing. Pure; results are slices into what is given. */
#ifndef VEREDUS_MESSAGE_MBOX_H
#define VEREDUS_MESSAGE_MBOX_H

#include "base/buf.h"

/* Which lines of a body were given a ">" when they were written. */
enum mbox_quoting {
	MBOX_RD, /* "From ", ">From ", ">>From " ...: one is taken away from each */
	MBOX_O,  /* "From " alone: ">>From " stays as it is */
};

struct mbox_entry {
	bool has_date;
	int64_t unix_s; /* of the From_ line; without a zone it is UTC */
	/* Of Status, X-Status and X-Keywords, which are left out of the message. */
	bool seen, answered, flagged, deleted, draft;
	struct slice keywords; /* with spaces between; of X-Keywords, as it stands there */
	bool internal;         /* no message: what some IMAP servers note at the front of a file */
};

enum { MBOX_FROM_MAX = 1000 }; /* bytes of a From_ line */

/* "From " sender SP date, without its end. */
bool mbox_is_from(struct slice line, int64_t *unix_s_out);

/* Where the next message begins, behind the first byte of one. *scanned_inout, at first 0, is how
 * much was looked at already: bytes may be given again with more behind them. False: not in these.
 */
bool mbox_find_next(struct slice bytes, size_t *scanned_inout, size_t *at_out);

/* Appends the message of an entry (its From_ line to what mbox_find_next() found) to out, with CRLF
 * at the end of each line. -ENOBUFS: it is too large for out. -EBADMSG: it has no From_ line. */
int mbox_decode(struct slice entry, enum mbox_quoting quoting, struct buf *out,
                struct mbox_entry *entry_out);

/* Appends a text with CRLF where a line ends with LF alone. -ENOBUFS. */
int mbox_add_crlf(struct slice text, struct buf *out);

/* Appends a message as it lies in an mbox: From_ line, the fields given (whole lines with LF) at
 * the end of its header, lines quoted as MBOX_RD says and ended by LF, an empty line. sender: the
 * reverse-path. -ENOBUFS. */
int mbox_add_entry(struct slice sender, int64_t unix_s, struct slice fields, struct slice message,
                   struct buf *out);

#endif
