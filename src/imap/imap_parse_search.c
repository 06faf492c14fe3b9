/* SEARCH: its keys as a tree. */
#include "imap/imap_parse.h"
#include "message/header.h"

struct search_parser {
	struct arena *arena;
	struct imap_search *search;
	unsigned keys;
	unsigned depth;
};

static bool take_key(struct cursor *c, struct search_parser *p, struct imap_search_key **out);

static struct imap_search_key *new_key(struct search_parser *p, enum imap_search_kind kind)
{
	struct imap_search_key *key = ARENA_NEW(p->arena, struct imap_search_key);
	key->kind = kind;
	return key;
}

/* --- arguments ----------------------------------------------------------------------- */

static bool take_text_argument(struct cursor *c, struct search_parser *p, struct slice *out)
{
	struct slice text, charset = p->search->charset;
	if (!imap_take_space(c) || !imap_take_astring(c, p->arena, &text))
		return false;
	if (charset.len > 0)
		text = charset_to_utf8(p->arena, charset, text);
	*out = imap_fold(p->arena, text);
	return true;
}

/* date = date-text / DQUOTE date-text DQUOTE */
static bool take_day(struct cursor *c, struct search_parser *p, int64_t *day_out)
{
	struct slice text;
	struct date date;
	if (!imap_take_space(c) || !imap_take_astring(c, p->arena, &text) ||
	    !date_parse_imap_day(text, &date))
		return false;
	*day_out = date.unix_s / (24 * 60 * 60) - (date.unix_s % (24 * 60 * 60) < 0);
	return true;
}

/* --- words --------------------------------------------------------------------------- */

/* What follows the word of a key. */
enum search_argument {
	ARGUMENT_NONE,
	ARGUMENT_TEXT,
	ARGUMENT_FIELD, /* header name and text */
	ARGUMENT_DAY,
	ARGUMENT_NUMBER,
	ARGUMENT_KEYWORD,
	ARGUMENT_SET,
	ARGUMENT_ONE, /* a UID */
	ARGUMENT_KEY,
	ARGUMENT_TWO_KEYS,
	ARGUMENT_MODSEQ,
	ARGUMENT_PERIOD, /* seconds, not 0 */
	ARGUMENT_ATOM,
	ARGUMENT_ID,    /* a number of 64 bits */
	ARGUMENT_LABEL, /* of Gmail: a keyword, or a flag by another name */
};

struct search_word {
	struct slice word;
	enum imap_search_kind kind;
	enum search_argument argument;
	bool has;
	uint64_t flag;
};

#define KEY(text, kind_, argument_)                                                                \
	{                                                                                          \
		{ text, sizeof(text) - 1 }, kind_, argument_, true, 0                              \
	}
#define FLAG(text, flag_, has_)                                                                    \
	{                                                                                          \
		{ text, sizeof(text) - 1 }, SEARCH_FLAG, ARGUMENT_NONE, has_, flag_                \
	}

static const struct search_word search_words[] = {
	KEY("ALL", SEARCH_AND, ARGUMENT_NONE),
	FLAG("ANSWERED", FLAG_ANSWERED, true),
	KEY("BCC", SEARCH_BCC, ARGUMENT_TEXT),
	KEY("BEFORE", SEARCH_BEFORE, ARGUMENT_DAY),
	KEY("BODY", SEARCH_BODY, ARGUMENT_TEXT),
	KEY("CC", SEARCH_CC, ARGUMENT_TEXT),
	FLAG("DELETED", FLAG_DELETED, true),
	FLAG("DRAFT", FLAG_DRAFT, true),
	FLAG("FLAGGED", FLAG_FLAGGED, true),
	KEY("FILTER", SEARCH_FILTER, ARGUMENT_ATOM),
	KEY("FROM", SEARCH_FROM, ARGUMENT_TEXT),
	KEY("HEADER", SEARCH_HEADER, ARGUMENT_FIELD),
	KEY("KEYWORD", SEARCH_KEYWORD, ARGUMENT_KEYWORD),
	KEY("LARGER", SEARCH_LARGER, ARGUMENT_NUMBER),
	KEY("MODSEQ", SEARCH_MODSEQ, ARGUMENT_MODSEQ),
	KEY("NOT", SEARCH_NOT, ARGUMENT_KEY),
	KEY("OLDER", SEARCH_OLDER, ARGUMENT_PERIOD),
	KEY("YOUNGER", SEARCH_YOUNGER, ARGUMENT_PERIOD),
	KEY("SAVEDBEFORE", SEARCH_SAVEDBEFORE, ARGUMENT_DAY),
	KEY("SAVEDON", SEARCH_SAVEDON, ARGUMENT_DAY),
	KEY("SAVEDSINCE", SEARCH_SAVEDSINCE, ARGUMENT_DAY),
	KEY("SAVEDATESUPPORTED", SEARCH_AND, ARGUMENT_NONE),
	KEY("EMAILID", SEARCH_EMAILID, ARGUMENT_ATOM),
	KEY("THREADID", SEARCH_THREADID, ARGUMENT_ATOM),
	KEY("X-GM-MSGID", SEARCH_GM_MSGID, ARGUMENT_ID),
	KEY("X-GM-THRID", SEARCH_GM_THRID, ARGUMENT_ID),
	KEY("X-GM-LABELS", SEARCH_KEYWORD, ARGUMENT_LABEL),
	KEY("ON", SEARCH_ON, ARGUMENT_DAY),
	KEY("OR", SEARCH_OR, ARGUMENT_TWO_KEYS),
	KEY("RECENT", SEARCH_RECENT, ARGUMENT_NONE),
	FLAG("SEEN", FLAG_SEEN, true),
	KEY("SENTBEFORE", SEARCH_SENTBEFORE, ARGUMENT_DAY),
	KEY("SENTON", SEARCH_SENTON, ARGUMENT_DAY),
	KEY("SENTSINCE", SEARCH_SENTSINCE, ARGUMENT_DAY),
	KEY("SINCE", SEARCH_SINCE, ARGUMENT_DAY),
	KEY("SMALLER", SEARCH_SMALLER, ARGUMENT_NUMBER),
	KEY("SUBJECT", SEARCH_SUBJECT, ARGUMENT_TEXT),
	KEY("TEXT", SEARCH_TEXT, ARGUMENT_TEXT),
	KEY("TO", SEARCH_TO, ARGUMENT_TEXT),
	KEY("UID", SEARCH_UID, ARGUMENT_SET),
	KEY("UIDAFTER", SEARCH_UIDAFTER, ARGUMENT_ONE),
	KEY("UIDBEFORE", SEARCH_UIDBEFORE, ARGUMENT_ONE),
	FLAG("UNANSWERED", FLAG_ANSWERED, false),
	FLAG("UNDELETED", FLAG_DELETED, false),
	FLAG("UNDRAFT", FLAG_DRAFT, false),
	FLAG("UNFLAGGED", FLAG_FLAGGED, false),
	{ { "UNKEYWORD", 9 }, SEARCH_KEYWORD, ARGUMENT_KEYWORD, false, 0 },
	FLAG("UNSEEN", FLAG_SEEN, false),
	{ { "OLD", 3 }, SEARCH_RECENT, ARGUMENT_NONE, false, 0 },
};

/* NEW = RECENT UNSEEN */
static struct imap_search_key *key_new(struct search_parser *p)
{
	struct imap_search_key *both = new_key(p, SEARCH_AND);
	both->first = new_key(p, SEARCH_RECENT);
	both->first->has = true;
	both->first->next = new_key(p, SEARCH_FLAG);
	both->first->next->flag = FLAG_SEEN;
	return both;
}

/* [SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162 section 3.1.5). All flags
 * of a message have one MODSEQ, so which of them is meant makes no difference. */
static bool take_mod_seq_argument(struct cursor *c, struct search_parser *p, uint64_t *out)
{
	struct slice entry, type;
	p->search->mod_seq = true;
	if (!imap_take_space(c))
		return false;
	if (cursor_peek(c) == '"' &&
	    (!imap_take_string(c, p->arena, &entry) || !imap_take_space(c) ||
	     !imap_take_atom(c, &type) || !imap_take_space(c)))
		return false;
	return imap_take_mod_seq(c, out);
}

static bool is_one(const struct imap_set *set)
{
	return set->saved ? set->count == 0
	                  : set->count == 1 && set->ranges[0].first == set->ranges[0].last;
}

/* SP (astring / "\" atom) */
static bool take_label(struct cursor *c, struct search_parser *p, struct imap_search_key *key)
{
	struct cursor at = *c;
	struct slice name;
	if (!imap_take_space(&at))
		return false;
	const char *start = at.at;
	if (take_byte(&at, '\\') && imap_take_atom(&at, &name))
		key->text = slice_of(start, (size_t)(at.at - start));
	else if (!imap_take_astring(&at, p->arena, &key->text))
		return false;
	*c = at;
	key->flag = slice_equal_nocase(key->text, SLICE(IMAP_LABEL_STARRED)) ? FLAG_FLAGGED
	            : slice_equal_nocase(key->text, SLICE(IMAP_LABEL_DRAFT)) ? FLAG_DRAFT
	                                                                     : 0;
	if (key->flag)
		key->kind = SEARCH_FLAG;
	return true;
}

static bool take_argument(struct cursor *c, struct search_parser *p, enum search_argument what,
                          struct imap_search_key *key)
{
	switch (what) {
	case ARGUMENT_NONE:
		return true;
	case ARGUMENT_TEXT:
		return take_text_argument(c, p, &key->text);
	case ARGUMENT_FIELD:
		return imap_take_space(c) && imap_take_astring(c, p->arena, &key->field) &&
		       take_text_argument(c, p, &key->text);
	case ARGUMENT_DAY:
		return take_day(c, p, &key->day);
	case ARGUMENT_NUMBER:
		return imap_take_space(c) && imap_take_number(c, &key->number);
	case ARGUMENT_PERIOD:
		return imap_take_space(c) && imap_take_number(c, &key->number) && key->number > 0;
	case ARGUMENT_KEYWORD:
	case ARGUMENT_ATOM:
		return imap_take_space(c) && imap_take_atom(c, &key->text);
	case ARGUMENT_ID:
		return imap_take_space(c) && take_number(c, UINT64_MAX, &key->id);
	case ARGUMENT_LABEL:
		return take_label(c, p, key);
	case ARGUMENT_SET:
		return imap_take_space(c) && imap_take_set(c, p->arena, &key->set);
	case ARGUMENT_ONE:
		return imap_take_space(c) && imap_take_set(c, p->arena, &key->set) &&
		       is_one(&key->set);
	case ARGUMENT_KEY:
		return imap_take_space(c) && take_key(c, p, &key->first);
	case ARGUMENT_TWO_KEYS:
		return imap_take_space(c) && take_key(c, p, &key->first) && imap_take_space(c) &&
		       take_key(c, p, &key->first->next);
	case ARGUMENT_MODSEQ:
		return take_mod_seq_argument(c, p, &key->mod_seq);
	}
	return false;
}

static void make_fuzzy(struct imap_search_key *key)
{
	key->fuzzy = true;
	for (struct imap_search_key *child = key->first; child; child = child->next)
		make_fuzzy(child);
}

/* "FUZZY" SP search-key (RFC 6203): of keys that are not text nothing is fuzzy. */
static bool take_fuzzy(struct cursor *c, struct search_parser *p, struct imap_search_key **out)
{
	if (!imap_take_space(c) || !take_key(c, p, out))
		return false;
	make_fuzzy(*out);
	p->search->fuzzy = true;
	return true;
}

static bool take_word_key(struct cursor *c, struct search_parser *p, struct imap_search_key **out)
{
	for (size_t i = 0; i < sizeof(search_words) / sizeof(search_words[0]); i++) {
		const struct search_word *w = &search_words[i];
		if (!imap_take_word(c, w->word))
			continue;
		*out = new_key(p, w->kind);
		(*out)->has = w->has;
		(*out)->flag = w->flag;
		p->search->named |= w->kind == SEARCH_FILTER;
		return take_argument(c, p, w->argument, *out);
	}
	if (imap_take_word(c, SLICE("FUZZY")))
		return take_fuzzy(c, p, out);
	if (!imap_take_word(c, SLICE("NEW")))
		return false;
	*out = key_new(p);
	return true;
}

/* --- keys ---------------------------------------------------------------------------- */

/* search-key *(SP search-key), all of which must hold */
static bool take_keys(struct cursor *c, struct search_parser *p, struct imap_search_key **out)
{
	struct imap_search_key *all = new_key(p, SEARCH_AND), **end = &all->first;
	do {
		if (!take_key(c, p, end))
			return false;
		end = &(*end)->next;
	} while (imap_take_space(c));
	*out = all;
	return true;
}

static bool take_one_key(struct cursor *c, struct search_parser *p, struct imap_search_key **out)
{
	if (take_byte(c, '('))
		return take_keys(c, p, out) && take_byte(c, ')');
	if (byte_is_digit((char)cursor_peek(c)) || cursor_peek(c) == '*' || cursor_peek(c) == '$') {
		*out = new_key(p, SEARCH_SEQ);
		bool ok = imap_take_set(c, p->arena, &(*out)->set);
		p->search->has_seqs |= ok && (*out)->set.count > 0;
		return ok;
	}
	return take_word_key(c, p, out);
}

static bool take_key(struct cursor *c, struct search_parser *p, struct imap_search_key **out)
{
	if (++p->keys > IMAP_SEARCH_KEYS_MAX || p->depth == IMAP_SEARCH_DEPTH_MAX)
		return false;
	p->depth++;
	bool ok = take_one_key(c, p, out);
	p->depth--;
	return ok;
}

/* --- the whole ----------------------------------------------------------------------- */

/* "UPDATE" [[SP] "(" fetch-att *(SP fetch-att) ")"]: RFC 5465 section 7 has it with the space in
 * the example, and without it in the grammar. */
static bool take_update(struct cursor *c, struct arena *arena, struct imap_search *search)
{
	struct cursor at = *c;
	(void)imap_take_space(&at);
	if (cursor_peek(&at) != '(')
		return true;
	*c = at;
	search->update_fetch = ARENA_NEW(arena, struct imap_fetch);
	return imap_take_fetch(c, arena, search->update_fetch);
}

/* MIN / MAX / ALL / COUNT / SAVE / RELEVANCY / UPDATE / CONTEXT / "PARTIAL" SP partial-range */
static bool take_return(struct cursor *c, struct arena *arena, struct imap_search *search)
{
	static const struct {
		struct slice word;
		enum imap_search_return flag;
	} words[] = {
		{ { "MIN", 3 }, RETURN_MIN },
		{ { "MAX", 3 }, RETURN_MAX },
		{ { "ALL", 3 }, RETURN_ALL },
		{ { "COUNT", 5 }, RETURN_COUNT },
		{ { "SAVE", 4 }, RETURN_SAVE },
		{ { "PARTIAL", 7 }, RETURN_PARTIAL },
		{ { "RELEVANCY", 9 }, RETURN_RELEVANCY },
		{ { "UPDATE", 6 }, RETURN_UPDATE },
		{ { "CONTEXT", 7 }, RETURN_CONTEXT },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!imap_take_word(c, words[i].word))
			continue;
		if (words[i].flag == RETURN_PARTIAL && (search->returns & RETURN_PARTIAL))
			return false;
		search->returns |= words[i].flag;
		if (words[i].flag == RETURN_UPDATE)
			return take_update(c, arena, search);
		return words[i].flag != RETURN_PARTIAL ||
		       (imap_take_space(c) && imap_take_partial(c, &search->partial));
	}
	return false;
}

/* "RETURN" SP "(" [option *(SP option)] ")" SP; nothing in it means ALL. RFC 9394 section 3.1: not
 * both all and a part, nor two parts. */
bool imap_take_search_returns(struct cursor *c, struct arena *arena, struct imap_search *search)
{
	if (!imap_take_word(c, SLICE("RETURN")))
		return true;
	search->extended = true;
	if (!imap_take_space(c) || !take_byte(c, '('))
		return false;
	while (!take_byte(c, ')')) {
		if (!take_return(c, arena, search))
			return false;
		(void)imap_take_space(c);
	}
	search->returns = search->returns ? search->returns : RETURN_ALL;
	if ((search->returns & RETURN_PARTIAL) && (search->returns & RETURN_ALL))
		return false;
	return imap_take_space(c);
}

bool imap_take_search_keys(struct cursor *c, struct arena *arena, struct imap_search *out)
{
	struct search_parser p = { .arena = arena, .search = out };
	/* RFC 6203 section 4 */
	return take_keys(c, &p, &out->root) && (out->fuzzy || !(out->returns & RETURN_RELEVANCY));
}

bool imap_take_search(struct cursor *c, struct arena *arena, struct imap_search *out)
{
	*out = (struct imap_search){ .charset = SLICE_EMPTY };
	if (!imap_take_search_returns(c, arena, out))
		return false;
	if (imap_take_word(c, SLICE("CHARSET")) &&
	    (!imap_take_space(c) || !imap_take_astring(c, arena, &out->charset) ||
	     !imap_take_space(c)))
		return false;
	return imap_take_search_keys(c, arena, out);
}
