/* Arguments of GETMETADATA and SETMETADATA (RFC 5464), and of LIST's METADATA (RFC 9590). Pure, as
 * imap_parse.h has it. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_METADATA_H
#define VEREDUS_IMAP_IMAP_PARSE_METADATA_H

#include "imap/imap_lexer.h"
#include "mailbox/annotation.h"

enum { IMAP_METADATA_ENTRIES_MAX = 100 };

struct imap_metadata {
	bool has_max_size;
	uint32_t max_size; /* longer values are left out */
	enum annotation_depth depth;
	struct slice mailbox; /* as on the wire; "" is the server */
	struct slice *names;
	struct slice *values; /* SETMETADATA */
	bool *is_nil;         /* that value */
	size_t count;
};

/* SP ["(" option *(SP option) ")" SP] mailbox SP ["(" option ... ")" SP] entries: RFC 5464 has the
 * options at the first place in its grammar, and at the second in its examples. */
bool imap_take_getmetadata(struct cursor *c, struct arena *arena, struct imap_metadata *out);
/* SP mailbox SP "(" entry SP value *(SP entry SP value) ")" */
bool imap_take_setmetadata(struct cursor *c, struct arena *arena, struct imap_metadata *out);
/* entries = entry / "(" entry *(SP entry) ")", into a cleared struct. */
bool imap_take_metadata_entries(struct cursor *c, struct arena *arena, struct imap_metadata *out);

#endif
