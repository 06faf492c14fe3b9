/* What an IMAP server says, as a client reads it: pure parsers over one response, which is its
 * lines and literals as they came, without "* " in front and the last CRLF behind. Results are
 * slices into it, or lie in the arena. What is not understood is passed by, as servers say more
 * than we ask. */
#ifndef VEREDUS_CLI_IMAP_ANSWER_H
#define VEREDUS_CLI_IMAP_ANSWER_H

#include "base/arena.h"
#include "mailbox/uid_set.h"
#include "message/date.h"

enum { IMAP_ANSWER_KEYWORDS_MAX = 100 };

/* "5 FETCH (UID 7 FLAGS (\Seen x) INTERNALDATE "..." RFC822.SIZE 44 BODY[] {44} ...)" */
struct imap_fetched {
	uint32_t seq, uid;
	bool has_flags, has_date, has_size, has_body, has_envelope;
	unsigned flags; /* of enum mailbox_flag */
	struct slice keywords[IMAP_ANSWER_KEYWORDS_MAX];
	size_t keyword_count;
	struct date date;
	uint64_t size;
	uint64_t mod_seq;
	struct slice body;
};
/* False: it is no FETCH response, or one that ends in the middle. */
bool imap_read_fetch(struct slice response, struct arena *arena, struct imap_fetched *out);

/* "LIST (\HasNoChildren \Sent) "/" "Sent Items"": the name as UTF-8 with "/" between levels. */
struct imap_listed {
	struct slice wire; /* the name as the server has it, decoded of its quotes */
	struct slice name;
	char separator; /* 0: none */
	bool cannot_be_selected;
	const char *use; /* "Sent", "Drafts", "Trash", "Junk", "Archive", or NULL */
};
bool imap_read_list(struct slice response, struct arena *arena, struct imap_listed *out);

/* "OK [UIDVALIDITY 12] text": the number behind a code. */
bool imap_read_code(struct slice response, struct slice code, uint64_t *out);
/* "SEARCH 2 84 882": adds the numbers to a set, which is to be sorted then. */
bool imap_read_search(struct slice response, struct arena *arena, struct uid_set *set);
/* "17 EXISTS": the number in front of a word. */
bool imap_read_count(struct slice response, struct slice word, uint32_t *out);

#endif
