/* The keys of SEARCH, and what is wanted of what they find (RFC 3501 section 6.4.4, RFC 4731), from
 * bytes to structs; a part of imap_parse.h. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_SEARCH_H
#define VEREDUS_IMAP_IMAP_PARSE_SEARCH_H

#include "imap/imap_parse.h"

enum imap_search_kind {
	SEARCH_AND,      /* of its children; without any: all messages */
	SEARCH_OR,       /* of its two children */
	SEARCH_NOT,      /* of its child */
	SEARCH_SEQ,      /* set */
	SEARCH_UID,      /* set */
	SEARCH_UIDAFTER, /* set: of one UID, or "$" (RFC 9738) */
	SEARCH_UIDBEFORE,
	SEARCH_FLAG,    /* flag, has */
	SEARCH_KEYWORD, /* text, has */
	SEARCH_RECENT,  /* has */
	SEARCH_LARGER,  /* number */
	SEARCH_SMALLER, /* number */
	SEARCH_BEFORE,  /* day: the internal date */
	SEARCH_ON,
	SEARCH_SINCE,
	SEARCH_SENTBEFORE, /* day: the Date field */
	SEARCH_SENTON,
	SEARCH_SENTSINCE,
	SEARCH_FROM, /* text */
	SEARCH_TO,
	SEARCH_CC,
	SEARCH_BCC,
	SEARCH_SUBJECT,
	SEARCH_HEADER, /* field, text */
	SEARCH_BODY,   /* text */
	SEARCH_TEXT,   /* text */
	SEARCH_MODSEQ, /* mod_seq (RFC 7162) */
	SEARCH_OLDER,  /* number: seconds (RFC 5032); at_ms: that time ago */
	SEARCH_YOUNGER,
	SEARCH_SAVEDBEFORE, /* day: the date of saving (RFC 8514) */
	SEARCH_SAVEDON,
	SEARCH_SAVEDSINCE,
	SEARCH_EMAILID, /* text (RFC 8474) */
	SEARCH_THREADID,
	SEARCH_GM_MSGID, /* id: Gmail's */
	SEARCH_GM_THRID,
	SEARCH_FILTER, /* text: a named search (RFC 5466), which becomes the child */
};

struct imap_search_key {
	enum imap_search_kind kind;
	bool has;
	bool fuzzy; /* text may be nearly there (RFC 6203) */
	uint64_t flag;
	uint32_t number;
	uint64_t mod_seq, id;
	int64_t at_ms; /* filled in before the search is run */
	int64_t day;   /* days since 1970-01-01 */
	struct imap_set set;
	struct uid_set resolved;  /* filled in before the search is run */
	struct slice field, text; /* text is folded: imap_fold() */
	uint32_t indexed_uid; /* up to it only candidates may match: imap_index_ask(); 0: none */
	struct uid_set candidates;
	struct imap_search_key *first, *next; /* children; siblings */
};

enum imap_search_return {
	RETURN_MIN = 1,
	RETURN_MAX = 2,
	RETURN_ALL = 4,
	RETURN_COUNT = 8,
	RETURN_SAVE = 16,      /* RFC 5182 */
	RETURN_PARTIAL = 32,   /* RFC 9394 */
	RETURN_RELEVANCY = 64, /* RFC 6203 */
	RETURN_UPDATE = 128,   /* RFC 5267 */
	RETURN_CONTEXT = 256,  /* a hint that we have no use for */
};

struct imap_search {
	bool extended; /* RETURN (...) was given: answer ESEARCH (RFC 4731) */
	bool mod_seq;  /* MODSEQ is among the keys: the answer tells the greatest */
	bool named;    /* FILTER is among the keys */
	bool has_seqs; /* sequence numbers are among the keys */
	bool fuzzy;    /* FUZZY is */
	unsigned returns;
	struct imap_partial partial;
	struct imap_fetch *update_fetch; /* of messages that UPDATE adds (RFC 5465); or NULL */
	struct slice charset;            /* empty: not given */
	struct imap_search_key *root;
};
/* Its parts, for SORT and THREAD: ["RETURN" ... SP], into a cleared struct; and the keys. */
bool imap_take_search_returns(struct cursor *c, struct arena *arena, struct imap_search *out);
bool imap_take_search_keys(struct cursor *c, struct arena *arena, struct imap_search *out);
/* search = ["RETURN" "(" ... ")" SP] ["CHARSET" SP astring SP] search-key *(SP search-key) */
bool imap_take_search(struct cursor *c, struct arena *arena, struct imap_search *out);

/* For comparing by i;unicode-casemap (RFC 5051): title case, decomposed. What is not UTF-8 is taken
 * for ASCII. */
struct slice imap_fold(struct arena *arena, struct slice utf8);

#endif
