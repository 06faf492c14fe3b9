/* Tokens of IMAP (RFC 3501 section 9) over one whole command.
 *
 * A command is its lines and literals as they came, without the last CRLF:
 *
 *     A1 LOGIN {5}\r\nalice "secret"
 *
 * Pure functions over a cursor: each takes one token, or leaves the cursor alone and returns
 * false. Results are slices into the command; strings with backslashes are copied to the arena. */
#ifndef VEREDUS_IMAP_IMAP_LEXER_H
#define VEREDUS_IMAP_IMAP_LEXER_H

#include "base/arena.h"
#include "base/cursor.h"
#include "mailbox/uid_set.h"

enum {
	IMAP_TAG_MAX = 200,
	IMAP_ATOM_MAX = 1000,
	IMAP_SET_RANGES_MAX = 10000, /* of one sequence-set */
	IMAP_FLAGS_MAX = 100,        /* of one flag list */
};

bool imap_is_atom_char(char c);

/* Does this line end by announcing a literal: "{5}", or "{5+}" (RFC 7888), which is sent without
 * waiting? prefix_out is the line without it. */
bool imap_line_literal(struct slice line, uint64_t *size_out, bool *at_once_out,
                       struct slice *prefix_out);

/* One space. Some clients send more; they are taken too. */
bool imap_take_space(struct cursor *c);
/* With a space or the end behind it. */
bool imap_take_tag(struct cursor *c, struct slice *out);
bool imap_take_atom(struct cursor *c, struct slice *out);
/* A given word, in any case, that is not just the beginning of a longer atom. */
bool imap_take_word(struct cursor *c, struct slice word);
/* string = quoted / literal */
bool imap_take_string(struct cursor *c, struct arena *arena, struct slice *out);
/* astring = 1*ASTRING-CHAR / string */
bool imap_take_astring(struct cursor *c, struct arena *arena, struct slice *out);
/* nstring = string / nil; nil gives is_nil and the empty slice. */
bool imap_take_nstring(struct cursor *c, struct arena *arena, struct slice *out, bool *is_nil);
/* list-mailbox = 1*list-char / string; as astring, with wildcards */
bool imap_take_list_mailbox(struct cursor *c, struct arena *arena, struct slice *out);
/* nz-number or number of 32 bits */
bool imap_take_number(struct cursor *c, uint32_t *out);

/* sequence-set: "*" is IMAP_STAR until imap_set_resolve() makes a set of it. */
#define IMAP_STAR 0
struct imap_set {
	bool saved;               /* "$" is in it: the result of a search (RFC 5182) */
	struct uid_range *ranges; /* in the order and spelling of the client */
	size_t count;
	size_t capacity;
};
bool imap_take_set(struct cursor *c, struct arena *arena, struct imap_set *out);
/* With "*" for max (0: an empty mailbox, where ranges with "*" are nothing), sorted. */
struct uid_set imap_set_resolve(const struct imap_set *set, struct arena *arena, uint32_t max);
/* The greatest number that stands in it, ranges with "*" aside: those have a last message
 * whatever else they say. */
uint32_t imap_set_greatest(const struct imap_set *set);

/* Flags by name: system flags as bits, keywords as atoms. */
struct imap_flags {
	uint64_t system;
	struct slice *keywords;
	size_t keyword_count;
};
/* flag-list = "(" [flag *(SP flag)] ")"; without_parens: STORE allows to leave them out. \Recent
 * is no flag that a client can set: false. */
bool imap_take_flags(struct cursor *c, struct arena *arena, bool without_parens,
                     struct imap_flags *out);

#endif
