/* The MIME tree of a message (RFC 2045, 2046), and transfer encodings.
 *
 * One pass over the bytes; parts are offsets into them. An outer boundary ends all parts inside
 * it (broken nesting is common). Missing or senseless fields get the defaults of RFC 2045 section
 * 5.2: text/plain; message/rfc822 inside multipart/digest. */
#ifndef VEREDUS_MESSAGE_MIME_H
#define VEREDUS_MESSAGE_MIME_H

#include "message/header.h"
#include "message/limits.h"

/* RFC 2046 section 5.1.1 allows 70 octets; longer ones are found. */
enum { MIME_BOUNDARY_MAX = 200 };

enum mime_kind {
	MIME_LEAF,      /* anything that is not taken apart */
	MIME_MULTIPART, /* has children, at least one */
	MIME_MESSAGE,   /* message/rfc822 (or /global): its one child is the message in it */
};

enum mime_encoding {
	MIME_7BIT,
	MIME_8BIT,
	MIME_BINARY,
	MIME_QUOTED_PRINTABLE,
	MIME_BASE64,
	MIME_UUENCODE, /* x-uuencode and its other names */
	MIME_UNKNOWN,  /* handed out undecoded */
};

/* The fields of a message's header that IMAP and threading ask for: their values as they stand,
 * folds included; the first one where there are several. data is NULL where there is none. */
struct mime_fields {
	struct slice date, subject, from, sender, reply_to, to, cc, bcc;
	struct slice in_reply_to, message_id, references;
	struct slice tls_required;
	size_t received_count;
	struct slice *delivered_to; /* all of them, trimmed */
	size_t delivered_to_count;
};

struct mime_part {
	enum mime_kind kind;
	enum mime_encoding encoding;

	size_t header_offset; /* from the start of the message */
	size_t header_size;   /* with its empty line */
	size_t body_offset;
	size_t body_size; /* without the line end that belongs to the boundary */
	size_t body_lines;

	/* Values as they stand in the header, unfolded; empty if they are not there. The type is
	 * never empty. */
	struct slice type;
	struct slice subtype;
	struct header_param *params;
	size_t param_count;
	struct slice id;
	struct slice description;
	struct slice encoding_text;
	struct slice disposition;
	struct header_param *disposition_params;
	size_t disposition_param_count;
	struct slice language; /* as written: "en, de" */
	struct slice location;
	struct slice md5;

	/* Of a message (the whole one, or the child of a MIME_MESSAGE), else NULL. */
	struct mime_fields *fields;

	/* Not taken apart, or not to its end: beyond the limits, or a multipart without a part. */
	bool opaque;
	bool closed; /* of a multipart: its last boundary is there */

	struct mime_part *parent; /* NULL for the message */
	struct mime_part *first;  /* first child */
	struct mime_part *next;   /* next sibling */
	size_t child_count;
};

/* Never fails; what lies beyond the limits is in a leaf. The tree lies in the arena and points
 * into bytes. */
struct mime_part *mime_parse(struct arena *arena, struct slice bytes,
                             const struct message_limits *limits);

/* The part of an IMAP part number (RFC 3501 section 6.4.5: in a message/rfc822, numbers count in
 * the message inside; part 1 of a message that is not multipart is its body), or NULL. */
const struct mime_part *mime_find(const struct mime_part *message, const unsigned *path,
                                  size_t depth);

/* The one behind it, in the order in which they stand; NULL behind the last. */
const struct mime_part *mime_next(const struct mime_part *part);

struct slice mime_header(const struct mime_part *part, struct slice bytes);
struct slice mime_body(const struct mime_part *part, struct slice bytes);
bool mime_is(const struct mime_part *part, const char *type, const char *subtype);
/* The charset parameter, or "us-ascii". */
struct slice mime_charset(const struct mime_part *part);
/* The file name for people, UTF-8, from Content-Disposition or Content-Type; false if none. It
 * may hold any character: not for use as a path. */
bool mime_filename(struct arena *arena, const struct mime_part *part, struct slice *out);
enum mime_encoding mime_encoding_of(struct slice text);

/* Decoding, over chunks of any size. Bytes that the encoding has no place for are skipped. */
struct mime_decoder {
	enum mime_encoding encoding;
	unsigned char state;
	unsigned char held_count;
	bool damaged; /* something had to be skipped or was missing at the end */
	uint32_t bits;
	struct buf line; /* the unfinished line of quoted-printable and uuencode */
};

void mime_decoder_create(struct mime_decoder *d, enum mime_encoding encoding);
void mime_decoder_destroy(struct mime_decoder *d);
/* Appends what chunk yields; 0 or -ENOBUFS. */
int mime_decode(struct mime_decoder *d, struct slice chunk, struct buf *out);
/* Appends what was held back at the end. */
int mime_decode_end(struct mime_decoder *d, struct buf *out);
/* All at once: at most max bytes of the decoded body. A body that needs no decoding is not
 * copied. */
struct slice mime_decode_all(struct arena *arena, enum mime_encoding encoding, struct slice body,
                             size_t max);

/* Base64 in lines of 76 octets that end in CRLF. */
#define MIME_BASE64_LINE 57 /* bytes that make one */
struct mime_base64_encoder {
	char held[MIME_BASE64_LINE];
	size_t held_count;
};

/* Start with all zero. 0 or -ENOBUFS. */
int mime_encode_base64(struct mime_base64_encoder *e, struct slice chunk, struct buf *out);
int mime_encode_base64_end(struct mime_base64_encoder *e, struct buf *out);
/* Text with CRLF or LF lines, as lines of at most 76 octets that end in CRLF. 0 or -ENOBUFS. */
int mime_encode_quoted_printable(struct slice text, struct buf *out);
/* 7bit if the text may go as it is, else what is shorter: quoted-printable or base64. */
enum mime_encoding mime_encoding_for(struct slice text);

#endif
