/* LIST, STATUS and APPEND: what is said about mailboxes. */
#include "imap/imap_parse.h"

struct word_flag {
	struct slice word;
	unsigned flag;
};
#define WORD(text, flag)                                                                           \
	{                                                                                          \
		{ text, sizeof(text) - 1 }, flag                                                   \
	}

static bool take_one_of(struct cursor *c, const struct word_flag *words, size_t count,
                        unsigned *flag_out)
{
	for (size_t i = 0; i < count; i++) {
		if (imap_take_word(c, words[i].word)) {
			*flag_out = words[i].flag;
			return true;
		}
	}
	return false;
}

/* --- STATUS -------------------------------------------------------------------------- */

bool imap_take_status_items(struct cursor *c, unsigned *items_out)
{
	static const struct word_flag words[] = {
		WORD("MESSAGES", STATUS_MESSAGES),
		WORD("RECENT", STATUS_RECENT),
		WORD("UIDNEXT", STATUS_UIDNEXT),
		WORD("UIDVALIDITY", STATUS_UIDVALIDITY),
		WORD("UNSEEN", STATUS_UNSEEN),
		WORD("SIZE", STATUS_SIZE),
		WORD("DELETED-STORAGE", STATUS_DELETED_STORAGE),
		WORD("DELETED", STATUS_DELETED),
		WORD("HIGHESTMODSEQ", STATUS_HIGHESTMODSEQ),
		WORD("APPENDLIMIT", STATUS_APPENDLIMIT),
		WORD("MAILBOXID", STATUS_MAILBOXID),
	};
	unsigned items = 0, item;
	if (!take_byte(c, '('))
		return false;
	do {
		if (!take_one_of(c, words, sizeof(words) / sizeof(words[0]), &item))
			return false;
		items |= item;
	} while (imap_take_space(c));
	*items_out = items;
	return take_byte(c, ')');
}

/* --- LIST ---------------------------------------------------------------------------- */

/* list-select-opts = "(" [option *(SP option)] ")" */
static bool take_select_options(struct cursor *c, struct imap_list *list)
{
	static const struct word_flag words[] = {
		WORD("SUBSCRIBED", LIST_SUBSCRIBED),
		WORD("SPECIAL-USE", LIST_SPECIAL_USE),
		WORD("RECURSIVEMATCH", LIST_RECURSIVEMATCH),
		WORD("REMOTE", LIST_REMOTE),
	};
	unsigned option;
	if (!take_byte(c, '('))
		return true;
	list->extended = true;
	while (!take_byte(c, ')')) {
		if (!take_one_of(c, words, sizeof(words) / sizeof(words[0]), &option))
			return false;
		list->options |= option;
		(void)imap_take_space(c);
	}
	/* RFC 5258 section 3.1: RECURSIVEMATCH says how another option is meant. */
	if ((list->options & LIST_RECURSIVEMATCH) &&
	    !(list->options & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)))
		return false;
	return imap_take_space(c);
}

/* list-return-opts = "RETURN" SP "(" [option *(SP option)] ")" */
static bool take_return_options(struct cursor *c, struct arena *arena, struct imap_list *list)
{
	static const struct word_flag words[] = {
		WORD("SUBSCRIBED", LIST_RETURN_SUBSCRIBED),
		WORD("CHILDREN", LIST_RETURN_CHILDREN),
		WORD("SPECIAL-USE", LIST_RETURN_SPECIAL_USE),
		WORD("STATUS", LIST_RETURN_STATUS),
		WORD("METADATA", LIST_RETURN_METADATA),
		WORD("MYRIGHTS", LIST_RETURN_MYRIGHTS),
	};
	unsigned option;
	if (!imap_take_space(c))
		return true;
	list->extended = true;
	if (!imap_take_word(c, SLICE("RETURN")) || !imap_take_space(c) || !take_byte(c, '('))
		return false;
	while (!take_byte(c, ')')) {
		if (!take_one_of(c, words, sizeof(words) / sizeof(words[0]), &option))
			return false;
		list->options |= option;
		if (option == LIST_RETURN_STATUS &&
		    (!imap_take_space(c) || !imap_take_status_items(c, &list->status_items)))
			return false;
		/* In parentheses always (RFC 9590 section 6), and once. */
		if (option == LIST_RETURN_METADATA &&
		    (list->metadata.count > 0 || !imap_take_space(c) || cursor_peek(c) != '(' ||
		     !imap_take_metadata_entries(c, arena, &list->metadata)))
			return false;
		(void)imap_take_space(c);
	}
	return true;
}

/* mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")" */
static bool take_patterns(struct cursor *c, struct arena *arena, struct imap_list *list)
{
	list->patterns = ARENA_ARRAY(arena, IMAP_LIST_PATTERNS_MAX, struct slice);
	bool parens = take_byte(c, '(');
	list->extended |= parens;
	do {
		if (list->pattern_count == IMAP_LIST_PATTERNS_MAX ||
		    !imap_take_list_mailbox(c, arena, &list->patterns[list->pattern_count]))
			return false;
		list->pattern_count++;
	} while (parens && imap_take_space(c));
	return !parens || take_byte(c, ')');
}

bool imap_take_list(struct cursor *c, struct arena *arena, struct imap_list *out)
{
	*out = (struct imap_list){ 0 };
	return take_select_options(c, out) && imap_take_list_mailbox(c, arena, &out->reference) &&
	       imap_take_space(c) && take_patterns(c, arena, out) &&
	       take_return_options(c, arena, out);
}

/* --- APPEND -------------------------------------------------------------------------- */

bool imap_take_append(struct cursor *c, struct arena *arena, struct imap_append *out)
{
	struct slice text;
	*out = (struct imap_append){ 0 };
	if (!imap_take_space(c))
		return false;
	if (cursor_peek(c) == '(' &&
	    (!imap_take_flags(c, arena, false, &out->flags) || !imap_take_space(c)))
		return false;
	if (cursor_peek(c) != '"')
		return true;
	out->has_date = imap_take_string(c, arena, &text) && date_parse_imap(text, &out->date);
	return out->has_date && imap_take_space(c);
}

bool imap_is_append_message(struct slice command, struct arena *arena)
{
	struct cursor c = cursor_of(command);
	struct slice tag, mailbox;
	struct imap_set replaced;
	if (!imap_take_tag(&c, &tag) || !imap_take_space(&c))
		return false;
	bool by_uid = imap_take_word(&c, SLICE("UID")) && imap_take_space(&c);
	if (imap_take_word(&c, SLICE("REPLACE"))) {
		if (!imap_take_space(&c) || !imap_take_set(&c, arena, &replaced))
			return false;
	} else if (by_uid || !imap_take_word(&c, SLICE("APPEND"))) {
		return false;
	}
	if (!imap_take_space(&c))
		return false;
	/* With a mailbox there the literal can't be its name. What is wrong with the rest is for
	 * imap_take_append() to find. */
	return imap_take_astring(&c, arena, &mailbox) && imap_take_space(&c);
}
