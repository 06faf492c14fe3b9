#include "imap/imap_parse_sort.h"

struct sort_word {
	struct slice word;
	unsigned value;
};
#define WORD(text, value)                                                                          \
	{                                                                                          \
		{ text, sizeof(text) - 1 }, value                                                  \
	}

static bool take_one_of(struct cursor *c, const struct sort_word *words, size_t count,
                        unsigned *out)
{
	for (size_t i = 0; i < count; i++) {
		if (imap_take_word(c, words[i].word)) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* sort-key = ["REVERSE" SP] word */
static bool take_sort_key(struct cursor *c, struct imap_sort *sort)
{
	static const struct sort_word words[] = {
		WORD("ARRIVAL", SORT_ARRIVAL),
		WORD("CC", SORT_CC),
		WORD("DATE", SORT_DATE),
		WORD("FROM", SORT_FROM),
		WORD("SIZE", SORT_SIZE),
		WORD("SUBJECT", SORT_SUBJECT),
		WORD("TO", SORT_TO),
		WORD("DISPLAYFROM", SORT_DISPLAYFROM),
		WORD("DISPLAYTO", SORT_DISPLAYTO),
		WORD("RELEVANCY", SORT_RELEVANCY),
	};
	unsigned kind;
	if (sort->count == IMAP_SORT_KEYS_MAX)
		return false;
	bool reverse = imap_take_word(c, SLICE("REVERSE"));
	if ((reverse && !imap_take_space(c)) ||
	    !take_one_of(c, words, sizeof(words) / sizeof(words[0]), &kind))
		return false;
	sort->keys[sort->count].kind = (enum imap_sort_kind)kind;
	sort->keys[sort->count++].reverse = reverse;
	return true;
}

/* charset 1*(SP search-key) */
static bool take_criteria(struct cursor *c, struct arena *arena, struct imap_search *out)
{
	return imap_take_astring(c, arena, &out->charset) && imap_take_space(c) &&
	       imap_take_search_keys(c, arena, out);
}

static bool sorts_by(const struct imap_sort *sort, enum imap_sort_kind kind)
{
	for (size_t i = 0; i < sort->count; i++) {
		if (sort->keys[i].kind == kind)
			return true;
	}
	return false;
}

bool imap_take_sort(struct cursor *c, struct arena *arena, struct imap_sort *out)
{
	*out = (struct imap_sort){ .count = 0 };
	if (!imap_take_search_returns(c, arena, &out->search) || !take_byte(c, '('))
		return false;
	do {
		if (!take_sort_key(c, out))
			return false;
	} while (imap_take_space(c));
	return take_byte(c, ')') && imap_take_space(c) && take_criteria(c, arena, &out->search) &&
	       (out->search.fuzzy || !sorts_by(out, SORT_RELEVANCY));
}

bool imap_take_thread(struct cursor *c, struct arena *arena, enum imap_thread_kind *kind_out,
                      struct imap_search *out)
{
	static const struct sort_word words[] = {
		WORD("ORDEREDSUBJECT", THREAD_ORDEREDSUBJECT),
		WORD("REFERENCES", THREAD_REFERENCES),
		WORD("REFS", THREAD_REFS),
	};
	unsigned kind;
	*out = (struct imap_search){ .charset = SLICE_EMPTY };
	if (!take_one_of(c, words, sizeof(words) / sizeof(words[0]), &kind))
		return false;
	*kind_out = (enum imap_thread_kind)kind;
	return imap_take_space(c) && take_criteria(c, arena, out);
}
