/* Header fields by name: what may stand in them (RFC 5322 section 3.6, RFC 2045 and others), and
 * their values as types.
 *
 * Dates are read by date.h, address lists by address_list.h, parameters by header.h; here are the
 * others. All take what the obsolete syntax allows (RFC 5322 section 4), comments and folds
 * included, and never fail for what stands around a value. */
#ifndef VEREDUS_MESSAGE_FIELDS_H
#define VEREDUS_MESSAGE_FIELDS_H

#include "message/address.h"
#include "message/date.h"
#include "message/header.h"

enum field_type {
	FIELD_TEXT,      /* unstructured: Subject, Comments, and what is not known */
	FIELD_PHRASES,   /* Keywords, Encrypted */
	FIELD_ADDRESSES, /* From, To ... */
	FIELD_PATH,      /* Return-Path */
	FIELD_DATE,
	FIELD_ID,     /* one: Message-ID, Content-ID */
	FIELD_IDS,    /* In-Reply-To, References */
	FIELD_PARAMS, /* Content-Type, Content-Disposition */
	FIELD_RECEIVED,
	FIELD_MACHINE, /* tokens of other kinds; no text for people */
};

struct field_info {
	const char *name; /* as the standards spell it */
	enum field_type type;
	bool once;   /* RFC 5322 section 3.6, RFC 2045: a message or part has one at most */
	bool resent; /* of the blocks that say who sent a message again */
};

/* NULL if the name is not known: then it is FIELD_TEXT, any number of times. */
const struct field_info *field_find(struct slice name);

/* The ids in a value: each <...>, with its brackets. Phrases between them are skipped
 * (obs-in-reply-to). At most max; how many. */
size_t field_ids(struct arena *arena, struct slice value, size_t max, struct slice **out);
/* Phrases with commas between them, as UTF-8. At most max; how many. */
size_t field_phrases(struct arena *arena, struct slice value, size_t max, struct slice **out);
/* A Return-Path: the address, null for "<>". False if it is none. */
bool field_path(struct arena *arena, struct slice value, struct address *out);

/* RFC 5321 section 4.4. Clauses may come in any order; of one that comes twice the first counts.
 * What is not there is empty. */
struct received {
	struct slice from;      /* what the client called itself */
	struct slice from_info; /* the comment behind: name and address as the host saw them */
	struct slice by, via, with, id;
	struct slice for_path; /* with its brackets, if it had any */
	bool has_date;
	struct date date;
};
/* False if there is neither a clause nor a date. */
bool field_received(struct arena *arena, struct slice value, struct received *out);

/* Who sent a message again (RFC 5322 section 3.6.6): values as they stand, data NULL for none. */
struct resent_block {
	struct slice date, from, sender, to, cc, bcc, message_id, reply_to;
};
/* The blocks of a header from its top, the latest first. A field that its block has already, or one
 * that is no Resent field, ends a block. At most max; how many. */
size_t field_resent_blocks(struct arena *arena, struct slice header, size_t max,
                           struct resent_block **out);

/* Writing, as header_put_text() does: text (UTF-8) by the type of the field. Addresses are a list
 * as people write it, phrases have commas between them; other types go as they are. 0, -ENOBUFS, or
 * -EINVAL: not UTF-8, or no address in it. */
int field_put(struct arena *arena, struct buf *out, const char *name, struct slice text);

#endif
