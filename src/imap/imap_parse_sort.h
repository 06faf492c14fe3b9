/* Arguments of SORT and THREAD (RFC 5256), from bytes to structs; like imap_parse.h. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_SORT_H
#define VEREDUS_IMAP_IMAP_PARSE_SORT_H

#include "imap/imap_parse.h"

enum { IMAP_SORT_KEYS_MAX = 20 };

enum imap_sort_kind {
	SORT_ARRIVAL,
	SORT_CC,
	SORT_DATE,
	SORT_FROM,
	SORT_SIZE,
	SORT_SUBJECT,
	SORT_TO,
	SORT_DISPLAYFROM, /* RFC 5957 */
	SORT_DISPLAYTO,
	SORT_RELEVANCY, /* RFC 6203: the best first */
};

struct imap_sort {
	struct {
		enum imap_sort_kind kind;
		bool reverse;
	} keys[IMAP_SORT_KEYS_MAX];
	size_t count;
	struct imap_search search; /* with the options of RETURN (RFC 5267), and the charset */
};
/* sort = ["RETURN" "(" ... ")" SP] "(" sort-key *(SP sort-key) ")" SP charset 1*(SP search-key) */
bool imap_take_sort(struct cursor *c, struct arena *arena, struct imap_sort *out);

enum imap_thread_kind { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES, THREAD_REFS };
/* thread = algorithm SP charset 1*(SP search-key) */
bool imap_take_thread(struct cursor *c, struct arena *arena, enum imap_thread_kind *kind_out,
                      struct imap_search *out);

#endif
