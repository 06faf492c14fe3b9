/* Address lists of message headers: From, To, Cc, Reply-To ... (RFC 5322 section 3.4).
 *
 * Reads what is found in the world: comments, groups, obsolete routes and phrases, missing
 * commas, display names with bare dots and 8-bit bytes. A list is never an error: what can't be
 * read becomes an entry with what could be, in the manner of IMAP's ENVELOPE. One pass, linear. */
#ifndef VEREDUS_MESSAGE_ADDRESS_LIST_H
#define VEREDUS_MESSAGE_ADDRESS_LIST_H

#include "base/arena.h"
#include "base/buf.h"

enum address_entry_kind {
	ADDRESS_ENTRY_MAILBOX,
	ADDRESS_ENTRY_GROUP,     /* a group begins; its name is in .name */
	ADDRESS_ENTRY_GROUP_END, /* nothing in it */
};

struct address_entry {
	enum address_entry_kind kind;
	struct slice name;   /* display name without quotes, encoded words as they are; with no
	                      * phrase, the trailing comment: "joe@example.test (Joe)" */
	struct slice route;  /* obsolete source route "@a,@b", mostly empty */
	struct slice local;  /* without quotes */
	struct slice domain; /* empty if there is no "@" */
	bool is_loose;   /* words without a comma before an address that has no brackets: they are
	                  * taken for a name ("Joe joe@x"), and may be part of the address */
	size_t bare_end; /* where "@domain" belongs in the value, if this is one word that lacks
	                  * it; else 0 */
};

struct address_list {
	struct address_entry *entries;
	size_t count;
	bool truncated; /* there were more than max_entries */
};

/* value is the field's body, folded or not. Entries and their texts lie in the arena (or in
 * value). At most max_entries are made. */
struct address_list address_list_parse(struct arena *arena, struct slice value, size_t max_entries);

/* Appends one mailbox for a header: the (UTF-8) name quoted or as encoded words, then
 * <local@domain>; the bare address if name is empty. U-labels become A-labels when the local part
 * is ASCII, so that it takes no SMTPUTF8. No folding. 0 or -ENOBUFS. */
int address_list_format(struct arena *arena, struct slice name, struct slice local,
                        struct slice domain, struct buf *out);

#endif
