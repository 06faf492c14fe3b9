/* Arguments of IMAP commands, from bytes to structs (RFC 3501 section 9).
 *
 * Pure functions like those of imap_lexer.h: each takes what it names or returns false with the
 * cursor anywhere; the caller answers BAD. Results lie in the command and in the arena. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_H
#define VEREDUS_IMAP_IMAP_PARSE_H

#include "imap/imap_parse_metadata.h"
#include "mailbox/mailbox.h"
#include "message/summary.h"

enum {
	IMAP_FETCH_ITEMS_MAX = 50,
	IMAP_SEARCH_KEYS_MAX = 1000,
	IMAP_SEARCH_DEPTH_MAX = 30,
	IMAP_LIST_PATTERNS_MAX = 100,
};

/* What Gmail calls \Flagged and \Draft. */
#define IMAP_LABEL_STARRED "\\Starred"
#define IMAP_LABEL_DRAFT   "\\Draft"

/* --- FETCH --------------------------------------------------------------------------- */

enum imap_fetch_kind {
	FETCH_FLAGS,
	FETCH_UID,
	FETCH_INTERNALDATE,
	FETCH_SIZE,
	FETCH_ENVELOPE,
	FETCH_BODY, /* BODYSTRUCTURE without extension data */
	FETCH_BODYSTRUCTURE,
	FETCH_SECTION, /* BODY[...], and RFC822 and its kin */
	FETCH_MODSEQ,  /* RFC 7162 */
	FETCH_BINARY,  /* RFC 3516 */
	FETCH_BINARY_SIZE,
	FETCH_SAVEDATE, /* RFC 8514 */
	FETCH_EMAILID,  /* RFC 8474 */
	FETCH_THREADID,
	FETCH_PREVIEW,  /* RFC 8970 */
	FETCH_GM_MSGID, /* Gmail's */
	FETCH_GM_THRID,
	FETCH_GM_LABELS,
};

struct imap_fetch_item {
	enum imap_fetch_kind kind;
	bool peek; /* does not set \Seen */
	bool has_partial;
	uint32_t offset; /* of the partial */
	uint32_t length;
	struct message_section section;
	struct slice label; /* what stands in the answer: "BODY[1.2]<0>" */
};

/* "PARTIAL" of a result (RFC 9394): from the first to the last of them, counted from 1; or from the
 * end. */
struct imap_partial {
	bool given, from_end;
	uint32_t first, last;
};
/* partial-range = number ":" number / "-" number ":" "-" number */
bool imap_take_partial(struct cursor *c, struct imap_partial *out);
/* Those of a number of results that it means, counted from 0; nothing if *count_out is 0. */
void imap_partial_resolve(const struct imap_partial *partial, uint64_t total, uint64_t *first_out,
                          uint64_t *count_out);

struct imap_fetch {
	struct imap_fetch_item *items;
	size_t count;
	bool has_changed_since; /* RFC 7162 section 3.1.4 */
	uint64_t changed_since;
	bool vanished;
	struct imap_partial partial;
};

/* "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")" */
bool imap_take_fetch(struct cursor *c, struct arena *arena, struct imap_fetch *out);
/* [SP "(" fetch-modifier *(SP fetch-modifier) ")"] (RFC 4466), into the same struct. */
bool imap_take_fetch_modifiers(struct cursor *c, struct imap_fetch *out);

/* --- STORE --------------------------------------------------------------------------- */

struct imap_store {
	bool has_unchanged_since; /* RFC 7162 section 3.1.3 */
	uint64_t unchanged_since;
	enum flag_change how;
	bool silent;
	struct imap_flags flags;
};
/* ["(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")" SP] store-att-flags
 * store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag))) */
bool imap_take_store(struct cursor *c, struct arena *arena, struct imap_store *out);

/* --- SELECT -------------------------------------------------------------------------- */

struct imap_select {
	bool condstore;
	bool qresync; /* RFC 7162 section 3.2.5, with what follows */
	uint32_t uid_validity;
	uint64_t mod_seq;
	bool has_known;
	struct imap_set known; /* UIDs that the client has */
	struct imap_set match_seqs, match_uids;
};
/* [SP "(" select-param *(SP select-param) ")"] */
bool imap_take_select(struct cursor *c, struct arena *arena, struct imap_select *out);
/* mod-sequence-valzer: 63 bits. */
bool imap_take_mod_seq(struct cursor *c, uint64_t *out);

/* --- LIST, STATUS, APPEND ------------------------------------------------------------ */

enum imap_status_item {
	STATUS_MESSAGES = 1,
	STATUS_RECENT = 2,
	STATUS_UIDNEXT = 4,
	STATUS_UIDVALIDITY = 8,
	STATUS_UNSEEN = 16,
	STATUS_SIZE = 32,
	STATUS_DELETED = 64,
	STATUS_HIGHESTMODSEQ = 128,
	STATUS_APPENDLIMIT = 256,      /* RFC 7889 */
	STATUS_MAILBOXID = 512,        /* RFC 8474 */
	STATUS_DELETED_STORAGE = 1024, /* RFC 9208 */
};
/* "(" status-att *(SP status-att) ")" */
bool imap_take_status_items(struct cursor *c, unsigned *items_out);

enum imap_list_option {
	/* selection */
	LIST_SUBSCRIBED = 1,
	LIST_SPECIAL_USE = 2,
	LIST_RECURSIVEMATCH = 4,
	LIST_REMOTE = 8,
	/* return */
	LIST_RETURN_SUBSCRIBED = 16,
	LIST_RETURN_CHILDREN = 32,
	LIST_RETURN_SPECIAL_USE = 64,
	LIST_RETURN_STATUS = 128,
	LIST_RETURN_METADATA = 256, /* RFC 9590 */
	LIST_RETURN_MYRIGHTS = 512, /* RFC 8440 */
};
struct imap_list {
	unsigned options;
	bool extended; /* RFC 5258 syntax was used */
	bool xlist;    /* answered as XLIST; set by the handler */
	unsigned status_items;
	struct imap_metadata metadata;
	struct slice reference;
	struct slice *patterns;
	size_t pattern_count;
};
/* list = [list-select-opts SP] mailbox SP mbox-or-pat [SP list-return-opts] */
bool imap_take_list(struct cursor *c, struct arena *arena, struct imap_list *out);

struct imap_append {
	struct imap_flags flags;
	bool has_date;
	struct date date;
};
/* What stands between mailbox and message: SP [flag-list SP] [date-time SP]. */
bool imap_take_append(struct cursor *c, struct arena *arena, struct imap_append *out);
/* Given a command so far, whose last line announces a literal (cut off): is that literal the
 * message of an APPEND or REPLACE? */
bool imap_is_append_message(struct slice command, struct arena *arena);

#include "imap/imap_parse_search.h"

#endif
