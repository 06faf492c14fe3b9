/* What is kept about a message beside its bytes, and the parts that IMAP asks for.
 *
 * The summary is made once, at delivery, and stored with the message's row; listing a mailbox
 * then never opens a message. */
#ifndef VEREDUS_MESSAGE_SUMMARY_H
#define VEREDUS_MESSAGE_SUMMARY_H

#include "message/date.h"
#include "message/mime.h"

/* A line's length (RFC 5322 section 2.1.1): what is longer is no Message-ID, and is kept nowhere.
 */
enum { MESSAGE_ID_MAX = 998 };

struct message_summary {
	size_t size_bytes;
	size_t header_size; /* bytes, the empty line included: where the body starts */
	bool has_date;
	struct date date;        /* of the Date field */
	struct slice message_id; /* "<...>", or empty if longer than MESSAGE_ID_MAX */
	struct slice subject;    /* as written, unfolded */
	struct slice from;       /* as written, unfolded */
	struct slice in_reply_to;
	struct slice references;    /* unfolded */
	size_t received_count;      /* Received fields, for loop detection */
	struct slice *delivered_to; /* each Delivered-To value, trimmed */
	size_t delivered_to_count;
	bool tls_optional;    /* TLS-Required: No (RFC 8689 section 3) */
	bool has_8bit_header; /* needs SMTPUTF8 to go on (RFC 6532) */
	bool has_8bit_body;   /* needs 8BITMIME to go on */
	bool has_nul;

	/* Ready to be sent by an IMAP server (RFC 3501 section 9; parentheses included): with
	 * CRLF in literals only, NULs replaced. */
	struct slice envelope;       /* ("date" "subject" ((from)) ... "<id>") */
	struct slice body_structure; /* BODYSTRUCTURE with its extension data */
};

/* Fills *out; slices lie in bytes or in the arena. Never fails. */
void message_summarise(struct slice bytes, const struct message_limits *limits, struct arena *arena,
                       struct message_summary *out);

/* The value of the FETCH item BODY, which has no extension data, out of BODYSTRUCTURE's. False
 * if that isn't one. */
bool message_body_from_structure(struct arena *arena, struct slice body_structure,
                                 struct slice *body_out);

/* BODY[section] (RFC 3501 section 6.4.5). */
enum message_section_kind {
	SECTION_ALL,               /* "" or "1.2" */
	SECTION_HEADER,            /* the header of the message, or of part 1.2's message/rfc822 */
	SECTION_HEADER_FIELDS,     /* those fields of it, and an empty line */
	SECTION_HEADER_FIELDS_NOT, /* all other fields of it, and an empty line */
	SECTION_TEXT,              /* the body of the message, or of part 1.2's message/rfc822 */
	SECTION_MIME,              /* the header of part 1.2 itself */
};

struct message_section {
	enum message_section_kind kind;
	unsigned path[MESSAGE_DEPTH_MAX]; /* part numbers, from 1 */
	size_t depth;                     /* how many; 0 is the message */
	const struct slice *fields;       /* for the HEADER_FIELDS kinds */
	size_t field_count;
};

/* Finds the bytes: a slice of bytes, or for the HEADER_FIELDS kinds one in the arena. False if
 * the message has no such part (IMAP answers NIL). Sections with an empty path don't parse the
 * MIME structure. header_size is the summary's, or 0 if it is not known. */
bool message_section(struct slice bytes, size_t header_size, const struct message_limits *limits,
                     struct arena *arena, const struct message_section *section, struct slice *out);

/* BINARY[section] (RFC 3516): the part's body without its transfer encoding, at most max bytes.
 * -ENOENT for no such part, -EOPNOTSUPP for an encoding that is unknown or an inner part. */
int message_section_decoded(struct slice bytes, const struct message_limits *limits,
                            struct arena *arena, const struct message_section *section, size_t max,
                            struct slice *out);

/* BODYSTRUCTURE of one part (RFC 5524), or of the message. False if there is no such part, or the
 * section is only a piece of one. */
bool message_section_structure(struct slice bytes, const struct message_limits *limits,
                               struct arena *arena, const struct message_section *section,
                               struct slice *out);

#endif
