/* Composing a message: headers, text and HTML alternatives, attachments.
 *
 * The message goes out in pieces through a write callback, attachments straight from their
 * readers, so that its size costs no memory. Text goes as 7bit, quoted-printable or base64, by
 * what is in it; names in headers as encoded words (RFC 2047) or RFC 2231 parameters. Lines end
 * in CRLF and are at most 998 octets. The structure is, as far as needed:
 *
 *     multipart/mixed
 *         multipart/alternative
 *             text/plain
 *             text/html
 *         each attachment */
#ifndef VEREDUS_MESSAGE_BUILD_H
#define VEREDUS_MESSAGE_BUILD_H

#include "message/address_list.h"
#include "message/date.h"

/* Takes one piece of the message; 0, or a negative errno, which ends the building. */
typedef int message_write(void *arg, struct slice piece);

struct draft_attachment {
	struct slice name; /* the file name for the reader, UTF-8, without directories */
	struct slice type; /* "image/png"; empty: draft_type_of(name) */
	/* Reads up to len bytes at offset: their count, 0 at the end, or a negative errno. */
	int64_t (*read)(void *arg, uint64_t offset, void *into, size_t len);
	void *arg;
};

struct draft_header {
	const char *name;
	struct slice value; /* UTF-8 text */
};

struct draft {
	struct slice from; /* address lists in UTF-8, as people write them */
	struct slice to;
	struct slice cc;
	struct slice reply_to;
	struct slice subject;
	struct slice text; /* UTF-8; empty with html given: no text part */
	struct slice html; /* UTF-8; empty: no HTML part */
	struct date date;
	struct slice message_id; /* "<...>"; see draft_message_id() */
	struct slice in_reply_to;
	struct slice references;
	const struct draft_header *headers; /* further fields */
	size_t header_count;
	const struct draft_attachment *attachments;
	size_t attachment_count;
};

/* Text with every line end as CRLF; a bare CR counts as one. The caller's to free; failed if it is
 * too long. */
struct buf draft_lines(struct slice text);
/* A new "<time.random@host>"; host becomes "localhost" if it is no domain. */
struct slice draft_message_id(struct arena *arena, struct slice host);
/* A media type by the name's ending; application/octet-stream for those not known. */
struct slice draft_type_of(struct slice name);

/* Writes the message. 0; -EINVAL for an address list that holds no address where one is given,
 * or text that is not UTF-8; or what the callbacks returned. The arena is for small things. */
int draft_write(const struct draft *draft, struct arena *arena, message_write *write, void *arg);

#endif
